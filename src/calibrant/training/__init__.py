"""Teaching a model to know what it knows: losses, fine-tuning on judged answers, weights to serve."""
