"""One file, one extension: a file here is found by its name."""
