"""What makes fitted things: the numerics that calibrators, guarantees and routing share."""
