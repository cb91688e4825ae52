"""People and time under every fault that a seed can draw: processes interleave, crash and are told things twice."""
