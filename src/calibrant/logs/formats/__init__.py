"""Kinds of logs. A file here, or an entry point in `calibrant.log_formats`, is one: see `protocols.LogFormat`."""
