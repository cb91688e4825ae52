"""The past, label by label: what the monitors say of it, and what has changed."""
