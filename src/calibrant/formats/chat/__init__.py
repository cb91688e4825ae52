"""The OpenAI chat format: requests, replies and streams, written and read. Pure functions, no I/O."""
