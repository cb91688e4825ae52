"""`calibrant plan`: one file, one command."""

from . import cascade, costs, ensemble, pareto

__all__ = ["cascade", "costs", "ensemble", "pareto"]
