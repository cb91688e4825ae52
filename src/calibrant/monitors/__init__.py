"""What watches a stream: states that take one verdict at a time, and can be kept."""
