"""The audit card: what can be said of a task, section by section, with every number recomputed from the records."""
