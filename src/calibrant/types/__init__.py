"""The nouns, in the order in which they arise: asks, confidences, facts. All are frozen values.

Units: log-probabilities in nats, latency in seconds, cost in US dollars, times as seconds since the
epoch, probabilities and scores in [0, 1].
"""

from ..files.addresses import canonical, digest
from .asks import (
    Ask,
    Completion,
    Delta,
    Json,
    Message,
    Price,
    Question,
    Replies,
    Sampling,
    Token,
    ToolCall,
    Usage,
)
from .confidences import (
    Answered,
    Confidence,
    Cost,
    Fingerprint,
    Probability,
    Reading,
    Score,
    Step,
    score,
    scored,
)
from .facts import Action, Assignment, Decision, Entry, Event, Fact, Record, Verdict

__all__ = [
    "Action",
    "Answered",
    "Ask",
    "Assignment",
    "Completion",
    "Confidence",
    "Cost",
    "Decision",
    "Delta",
    "Entry",
    "Event",
    "Fact",
    "Fingerprint",
    "Json",
    "Message",
    "Price",
    "Probability",
    "Question",
    "Reading",
    "Record",
    "Replies",
    "Sampling",
    "Score",
    "Step",
    "Token",
    "ToolCall",
    "Usage",
    "Verdict",
    "canonical",
    "digest",
    "score",
    "scored",
]
