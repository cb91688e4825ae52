"""What bytes look like: JSON text, lines of it, sealed JSON, content addresses."""
