"""What is kept: answers as plain JSON, lines that survive a crash, fitted things that show whether they were edited."""
