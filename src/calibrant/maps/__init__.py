"""Maps from scores to probabilities: their shapes, their fits, their evidence."""
