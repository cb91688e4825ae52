"""calibrant gives every answer of a language model an honest probability of being right, and acts on it.

>>> import calibrant
>>> fitted = calibrant.fit([0.9, 0.9, 0.6, 0.6] * 25, [True, False, True, False] * 25)
>>> bool(0.3 < fitted([0.9])[0] < 0.7)
True
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import metrics
    from .applying import apply
    from .auditing import Audit, audit
    from .comparing.logs import Comparison, compare
    from .errors import CalibrantError, NeedsPerson
    from .fitted import Fitted
    from .fitting import fit
    from .gating import Gate, Gated, gated
    from .guarantees.certifying import certify
    from .looking import Look, look
    from .maps.calibration import CalibrationMap, MapSet
    from .plans.certificates import Certificate, CertificateSet
    from .reading import grade, same
    from .tally import Tally
    from .types import Action, Confidence, Decision

__all__ = [
    "Action",
    "Audit",
    "CalibrantError",
    "CalibrationMap",
    "Certificate",
    "CertificateSet",
    "Comparison",
    "Confidence",
    "Decision",
    "Fitted",
    "Gate",
    "Gated",
    "Look",
    "MapSet",
    "NeedsPerson",
    "Tally",
    "apply",
    "audit",
    "certify",
    "compare",
    "fit",
    "gated",
    "grade",
    "look",
    "metrics",
    "same",
]

__version__ = "0.1.0"

_HOMES = {
    "Action": "types",
    "Audit": "auditing",
    "CalibrantError": "errors",
    "CalibrationMap": "maps.calibration",
    "Certificate": "plans.certificates",
    "CertificateSet": "plans.certificates",
    "Comparison": "comparing.logs",
    "Confidence": "types",
    "Decision": "types",
    "Fitted": "fitted",
    "Gate": "gating",
    "Gated": "gating",
    "Look": "looking",
    "MapSet": "maps.calibration",
    "NeedsPerson": "errors",
    "Tally": "tally",
    "apply": "applying",
    "audit": "auditing",
    "certify": "guarantees.certifying",
    "compare": "comparing.logs",
    "fit": "fitting",
    "gated": "gating",
    "grade": "reading",
    "look": "looking",
    "same": "reading",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use, so that `import calibrant` stays quick."""
    if name == "metrics":
        return import_module(".metrics", __name__)
    if name in _HOMES:
        found = getattr(import_module(f".{_HOMES[name]}", __name__), name)
        globals()[name] = found
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
