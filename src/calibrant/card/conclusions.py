"""What a card concludes: the finding in a sentence, and what is claimed apart from what limits it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..overview.telling import day, name_of, named, segment_name
from ..phrasing.numbers import fixed, of_100, percent, several

__all__ = ["conclusion", "headline", "limits_of"]

Twin = Mapping[str, Any]


def headline(twin: Twin) -> str:
    """The finding, in a sentence."""
    task, found = name_of(twin["task"]), twin["performance"]
    said: Mapping[str, str] = {
        "none": "no probability is told, so none can be checked.",
        "few": "too few labels to say whether its probabilities hold.",
        "stale": f"its probabilities were last checked with labels up to {day(twin['matured'])}.",
        "unchecked": "its probabilities hold where people looked, and nobody looks at the confident ones.",
        "holds": "the claimed probabilities hold so far.",
        "under": "it is right more often than it claims.",
        "bent": "the claimed probabilities hold on average, and not one by one.",
        "over": "the claimed probabilities do not hold: it is right less often than it claims.",
        "alarm": "the claimed probabilities do not hold: the monitor has raised an alarm.",
    }
    tail = ""
    if found["gap"] is not None and twin["state"] in ("over", "under", "alarm"):
        claimed, right = of_100(found["claimed"]), of_100(found["right"]["value"])
        tail = f" It claims {claimed} of 100 and is right {right} of 100."
    return f"{task}: {said[twin['state']]}{tail}"


def conclusion(twin: Twin) -> tuple[list[str], list[str]]:
    """What is claimed, and what the limits of it are, apart from each other."""
    return claims_of(twin), limits_of(twin)


def claims_of(twin: Twin) -> list[str]:
    """What is claimed."""
    found, risk = twin["performance"], twin["risk"]
    claims = []
    if found["gap"] is not None:
        claims.append(
            f"From {day(twin['since'])} to {day(twin['matured'])} it claims {of_100(found['claimed'])} of 100 and is "
            f"right {_of_100(found['right'])} of 100, on {several(found['n'], 'label')} "
            f"({found['n_eff']:,.0f} effective)."
        )
    if found["sent_wrong"] is not None:
        claims.append(
            f"Of the answers sent without a person {_of_100(found['sent_wrong'])} of 100 are wrong."
        )
    if found["automatic"]:
        claims.append(
            f"{percent(found['automatic'])} of the last 7 days' {found['recent_answers']:,} answers went without a "
            "person."
        )
    elif found["recent_answers"]:
        claims.append(f"Each of the last 7 days' {found['recent_answers']:,} answers went to a person.")
    if risk["threshold"] is not None and risk["certified"]:
        claims.append(f"They go from {fixed(risk['threshold'], 3)} on, by a certificate.")
    if twin["logging"]["head"] is not None:
        claims.append(f"The log is whole and unchanged up to entry {twin['logging']['entries']:,}.")
    return claims


def limits_of(twin: Twin) -> list[str]:
    """What limits it."""
    labels, risk = twin["labels"], twin["risk"]
    limits = [
        f"Nothing is known of answers after {day(twin['matured'])}: their labels are not all there yet."
    ]
    if twin["performance"]["gap"] is None:
        limits.append("There are too few labels of what answers now for any number, so none is given.")
    if twin["enough"]["missing"]:
        limits.append(f"Before anything is said to hold: {twin['enough']['why']}")
    if labels["volunteers"]:
        limits.append(
            f"{several(labels['volunteers'], 'verdict')} came unasked; nobody knows with what chance, so none counts."
        )
    if labels["sent_share"] is not None and labels["sent_share"] < 0.05:
        limits.append(
            "Hardly any label is of an answer that was sent without a person: those could be wrong unseen."
        )
    few = [one["domain"] for one in (twin["results"] or {}).get("segments", ()) if one["gap"] is None]
    if few:
        limits.append(
            f"Too few labels for a number of their own in {named([segment_name(one) for one in few])}."
        )
    if risk["threshold"] is not None and not risk["certified"]:
        limits.append(
            f"The threshold {fixed(risk['threshold'], 2)} was set by somebody and stands on no certificate."
        )
    limits.append("Verdicts are taken as true. Other answers than these, and other uses, are not covered.")
    return limits


def _of_100(one: Mapping[str, float]) -> str:
    return f"{of_100(one['value'])} ({of_100(one['low'])} to {of_100(one['high'])})"
