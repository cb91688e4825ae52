"""The engine that makes the calls: bounded, cached, resumed; and what a run will cost."""
