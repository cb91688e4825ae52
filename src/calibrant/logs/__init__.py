"""Reading a log: where rows come from, what a value means, and the same rules as SQL."""
