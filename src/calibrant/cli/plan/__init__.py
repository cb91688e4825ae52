"""`calibrant plan`: one file, one command."""

from . import cascade, chain, correction, costs, ensemble, pareto, retrieval, thresholds

__all__ = ["cascade", "chain", "correction", "costs", "ensemble", "pareto", "retrieval", "thresholds"]
