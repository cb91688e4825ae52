"""`calibrant plan`: one file, one command."""
