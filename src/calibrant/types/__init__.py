"""The nouns, in the order in which they arise: asks, confidences, facts. All are frozen values.

Units: log-probabilities in nats, latency in seconds, cost in US dollars, times as seconds since the
epoch, probabilities and scores in [0, 1].
"""

from ..files.addresses import canonical, digest
from . import asks, confidences, facts
from .asks import *  # noqa: F403
from .confidences import *  # noqa: F403
from .facts import *  # noqa: F403

__all__ = ["canonical", "digest"]
__all__ += asks.__all__
__all__ += confidences.__all__
__all__ += facts.__all__
