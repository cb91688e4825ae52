"""What fine-tuning makes small. Arithmetic on tensors that are handed in, so that nothing here imports torch."""
