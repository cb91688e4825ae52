"""From names and one TOML file to objects."""
