"""How model servers are spoken to: the formats, their errors, the transport, and how fast."""
