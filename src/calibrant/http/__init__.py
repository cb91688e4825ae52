"""How servers are reached: connections, limits, and what a server turned out not to take."""
