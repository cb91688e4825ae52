"""How each task stands: what it claims, what it is right in, who decides, what waits; a fold and questions to it."""
