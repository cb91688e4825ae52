"""What to choose, and what to expect of it: thresholds, cascades, ensembles, costs. Chosen on one split, stated on another."""
