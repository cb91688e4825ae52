"""Measures of calibration and ranking, all on a `Tally`.

Every function needs only the tally, so it costs the same for a thousand rows and for a billion.
"""

from .calibration_test import TestResult, kolmogorov_smirnov, kuiper, spiegelhalter
from .ece import Bins, bins, ece, ece_equal_mass, noise_floor, noise_floor_equal_mass
from .falls import Fall, fall
from .findings import Finding
from .gap import gap
from .intervals import Estimate, bootstrap
from .l2 import l2
from .multiclass import class_wise, classwise_ece, top_label
from .proper_scores import LOG_LOSS_FLOOR, Corp, brier, consistency_band, corp, log_loss
from .ranking import auroc
from .risk_coverage import RiskCoverage, aurc, risk_coverage
from .segments import beyond_chance, worst_segment
from .smooth_ece import smooth_ece

__all__ = [
    "LOG_LOSS_FLOOR",
    "Bins",
    "Corp",
    "Estimate",
    "Fall",
    "Finding",
    "RiskCoverage",
    "TestResult",
    "aurc",
    "auroc",
    "beyond_chance",
    "bins",
    "bootstrap",
    "brier",
    "class_wise",
    "classwise_ece",
    "consistency_band",
    "corp",
    "ece",
    "ece_equal_mass",
    "fall",
    "gap",
    "kolmogorov_smirnov",
    "kuiper",
    "l2",
    "log_loss",
    "noise_floor",
    "noise_floor_equal_mass",
    "risk_coverage",
    "smooth_ece",
    "spiegelhalter",
    "top_label",
    "worst_segment",
]
