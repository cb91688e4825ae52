"""What an attacker can do to the confidence, and what each defence buys and costs."""
