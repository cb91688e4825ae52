"""How fast the gateway is, how flat its memory stays, and what is left of its records when it is killed."""
