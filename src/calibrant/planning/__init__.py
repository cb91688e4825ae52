"""What to choose, and what to expect of it. Everything is chosen on one split and stated on another."""
