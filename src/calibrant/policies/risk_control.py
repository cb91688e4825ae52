"""Send what a certificate covers, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from ..plans.certificates import Certificate, CertificateSet
from ..types import Action, Confidence, Decision, Fingerprint

__all__ = ["RiskControl"]


@dataclass(frozen=True, kw_only=True, slots=True)
class RiskControl:
    """At or above the certified threshold of its task and domain: send it. Below, and without one: `below`.

    `certificates` is a file written by `calibrant plan thresholds --maps MAPS --out CERTS`, or its content. What
    is compared is the calibrated probability, with the certificate's threshold on that scale: the certificate
    must be bound to the map that calibrated the answer, or state that its scores were probabilities. Where no
    certificate was issued for such an answer, where it is revoked, or was not granted, the answer is handed off.

    Examples
    --------
    >>> from calibrant.guarantees.certifying import certify
    >>> from calibrant.types import Probability
    >>> import calibrant
    >>> made = calibrant.fit([0.6, 0.9] * 200, ([0, 1] * 9 + [0, 0] + [1, 1] * 10) * 10, "platt")
    >>> scores = [0.6, 0.9] * 300
    >>> granted = certify(scores, [0, 1] * 300, max_error=0.1, delta=0.1, prior_map=made)
    >>> policy = RiskControl(certificates=CertificateSet(by=(), certificates=(granted,)))
    >>> sure = Confidence(p=Probability(float(made([0.9])[0])), map_id=made.map.map_id)
    >>> policy.decide(sure).action, policy.decide(Confidence(p=None, reason="no map")).action
    (<Action.ANSWER: 'answer'>, <Action.HAND_OFF: 'hand_off'>)
    """

    files: ClassVar = {"certificates": CertificateSet}
    certificates: str | CertificateSet
    below: Literal["review", "hand_off"] = "review"
    _set: CertificateSet = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.below not in ("review", "hand_off"):
            raise ValueError(
                f"Below the threshold an answer goes to 'review' or 'hand_off', not {self.below!r}."
            )
        given = self.certificates
        object.__setattr__(
            self, "_set", given if isinstance(given, CertificateSet) else CertificateSet.load(given)
        )

    def __repr__(self) -> str:
        marks = ", ".join(c.certificate_id for c in self._set.certificates[:8])
        more = len(self._set.certificates) - 8
        return f"RiskControl(below={self.below!r}, certificates: {marks}{f' and {more} more' if more > 0 else ''})"

    def decide(self, confidence: Confidence) -> Decision:
        """Answer at or above the certified threshold; else the careful action, with the reason."""
        if confidence.p is None:
            return _careful(f"No calibrated probability ({confidence.reason})")
        match = self._set.match((confidence.fingerprint or Fingerprint()).stated)
        found = match.found
        if found is None:
            return _careful(f"No certificate was issued for this answer: {match.reason}")
        threshold = _threshold(found, confidence)
        if isinstance(threshold, str):
            return _careful(f"Certificate {found.certificate_id} does not cover this answer: {threshold}")
        kept = (
            f"above which at most {found.max_error:.1%} are wrong"
            if found.risk == "selective"
            else f"that keeps answers both sent and wrong at most {found.max_error:.1%}"
        )
        promise = (
            f"the threshold {threshold:.4f} {kept} "
            f"(certificate {found.certificate_id}, confidence {1 - found.delta:.0%})"
        )
        value = f"The calibrated probability of being right, {confidence.p:.4f},"
        if confidence.p >= threshold:
            return Decision(
                action=Action.ANSWER, threshold=threshold, why=f"{value} reaches {promise}: answer."
            )
        then = "a person reviews it before it is sent" if self.below == "review" else "handed to a person"
        return Decision(
            action=Action(self.below), threshold=threshold, why=f"{value} is below {promise}: {then}."
        )


def _threshold(found: Certificate, confidence: Confidence) -> float | str:
    """The threshold as a probability, or what is lacking."""
    if found.revoked is not None:
        return f"it was revoked ({found.revoked})"
    if not found.certified or found.threshold is None:
        return f"none was granted ({found.reason})"
    if found.map_id is not None and found.map_id != confidence.map_id:
        return f"it is bound to the map {found.map_id}, and {confidence.map_id} calibrated the answer"
    if found.threshold_p is not None:
        return found.threshold_p
    if found.scale == "probability":
        return found.threshold
    return (
        "its threshold is on the scale of the raw score, and what is at hand is a probability. Issue it with "
        "`calibrant plan thresholds LOG --maps MAPS`"
    )


def _careful(why: str) -> Decision:
    return Decision(action=Action.HAND_OFF, threshold=None, why=f"{why}: handed to a person.")
