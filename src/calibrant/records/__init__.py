"""What is kept of an answer: plain JSON, lines that survive a crash, and where they go."""
