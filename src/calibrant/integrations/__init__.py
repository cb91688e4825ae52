"""Where others' programs meet calibrant: one small file for each, named like the library, imported on use."""
