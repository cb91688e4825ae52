"""Languages spoken on the wire, between JSON and the nouns. Pure functions, no I/O."""
