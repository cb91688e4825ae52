"""English.

The readings are medians and middle halves of what people took each phrase to mean: 183 readers (UCI Data Lab,
EMNLP 2024), and for "about even" 46 readers (zonination, "Perceptions of Probability", 2015; 38 of them said
exactly 50). "possible" and "uncertain" are understood but never used: their readers differ by up to 30 points.
Of several phrases with one reading one is used, so that one number always has one phrase.
"""

from __future__ import annotations

from ..types import Action
from .language import Language, Word

__all__ = ["ENGLISH"]

ENGLISH = Language(
    words=(
        Word(name="almost certain", reading=0.95, quartiles=(0.90, 0.95), said="almost certainly right",
             lead="I'm confident: "),
        Word(name="highly likely", reading=0.90, quartiles=(0.85, 0.95), said="highly likely right",
             lead="I'm confident: "),
        Word(name="very likely", reading=0.90, quartiles=(0.80, 0.91)),
        Word(name="likely", reading=0.75, quartiles=(0.70, 0.85), said="likely right",
             lead="I'm fairly confident: "),
        Word(name="probable", reading=0.75, quartiles=(0.65, 0.80)),
        Word(name="somewhat likely", reading=0.65, quartiles=(0.60, 0.75), said="somewhat likely right",
             lead="I'm not sure, but this is "),
        Word(name="possible", reading=0.60, quartiles=(0.55, 0.75)),
        Word(name="about even", reading=0.50, quartiles=(0.50, 0.50), said="about even between right and wrong",
             lead="I'm not sure: this is "),
        Word(name="uncertain", reading=0.40, quartiles=(0.20, 0.50)),
        Word(name="somewhat unlikely", reading=0.30, quartiles=(0.25, 0.36), said="somewhat unlikely to be right",
             lead="I'm not sure of this: it is "),
        Word(name="doubtful", reading=0.20, quartiles=(0.15, 0.30)),
        Word(name="not likely", reading=0.20, quartiles=(0.10, 0.30)),
        Word(name="unlikely", reading=0.20, quartiles=(0.10, 0.30), said="unlikely to be right",
             lead="I doubt this answer: it is "),
        Word(name="very unlikely", reading=0.10, quartiles=(0.05, 0.15)),
        Word(name="highly unlikely", reading=0.10, quartiles=(0.05, 0.10), said="highly unlikely to be right",
             lead="I don't trust this answer: it is "),
    ),
    about="about {n} %",
    under="under {n} %",
    phrase="{said} ({number})",
    first_person="{lead}{said} ({number}).",
    frequency="About {k} in {all} answers like this were right.",
    rare_frequency="Fewer than {k} in {all} answers like this were right.",
    wide="About {k} in {all} answers like this were right; few have been checked, so it could be {low} to {high}.",
    record="Of the {answers} answers{where} that were given {band}, {right} were right.",
    weighted_record="Of the answers{where} that were given {band}, {share} % were right "
                    "(as sure as from {answers} drawn at random).",
    graded_record="The {answers} answers{where} that were given {band} had a mean grade of {share} %.",
    in_domain=" in {domain}",
    bands=("under {high} %", "{low} to {high} %", "over {low} %"),
    actions={
        Action.ANSWER: "",
        Action.DISCLAIM: "I may be wrong, so please check this before you rely on it.",
        Action.REVIEW: "I'm not sure enough to leave it at that: a person should look at this before it is used.",
        Action.HAND_OFF: "I would rather not answer this myself: a person should take over.",
    },
    unknown="no calibrated probability is known; a person should check",
    unknown_first_person="I can't say how likely this is to be right: no calibrated probability is known for it. "
                         "A person should check it.",
)  # fmt: skip
"""The phrases of `logs.values.PHRASES` and the sentences around them."""
