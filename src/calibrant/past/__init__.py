"""The past of a store, folded: what monitors, queues, champions and pages know is a pure function of it."""
