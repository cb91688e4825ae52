"""`calibrant plan`: one file, one command."""

from . import cascade, chain, costs, ensemble, pareto

__all__ = ["cascade", "chain", "costs", "ensemble", "pareto"]
