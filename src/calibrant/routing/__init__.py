"""Who should answer: the arithmetic of gains, votes and trajectories."""
