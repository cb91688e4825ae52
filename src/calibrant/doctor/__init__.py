"""Whether a configuration works: what is reached, read and kept, and what an answer costs."""
