"""`calibrant plan`: one file, one command."""

from . import cascade, chain, costs, ensemble, pareto, thresholds

__all__ = ["cascade", "chain", "costs", "ensemble", "pareto", "thresholds"]
