"""What is put to a model, and what its replies say. No I/O."""
