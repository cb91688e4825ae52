"""What is deployed: a sealed release, and the living objects that it stands for."""
