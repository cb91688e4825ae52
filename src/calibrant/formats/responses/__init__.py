"""The OpenAI Responses format: requests written, replies and streams read. Pure functions, no I/O."""
