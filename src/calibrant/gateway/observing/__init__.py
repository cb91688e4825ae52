"""How the gateway does: metrics, logs, traces, and whether it is ready. Told of each request when it is over."""
