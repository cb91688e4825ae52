"""Fitted plans: sealed, immutable, followed without the code that fitted them."""
