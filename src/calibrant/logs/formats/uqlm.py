"""Results of uqlm."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from calibrant.logs.foreign import graded, parts
from calibrant.logs.sources import Source

__all__ = ["Uqlm"]

SCORERS = (
    "sequence_probability", "min_probability", "normalized_probability", "mean_token_negentropy",
    "min_token_negentropy", "probability_margin", "p_true", "monte_carlo_probability",
    "consistency_and_confidence", "exact_match",
    "noncontradiction", "entailment", "semantic_negentropy", "semantic_sets_confidence", "cosine_sim", "bert_score",
    "bleurt", "semantic_density", "ensemble_score", "avg", "max", "min", "median",
)  # fmt: skip
"""Its confidences, from 0 to 1, higher is surer. `exact_match` is one here: the share of samples that are the same."""
ANSWERS, PROMPTS = ("response", "responses"), ("prompt", "prompts")
"""Columns as `to_df` and `to_dict` name them."""
JUDGE = re.compile(r"judge_\d+")
VERDICTS = re.compile(r"(?:response|answer|is)?_?(?:correct|correctness|right|grade|verdict)", re.I)
NO_VERDICT = (
    "uqlm grades nothing: add a column called correct, name one with --correct COLUMN, or join verdicts from a second "
    "file with --labels FILE --on COLUMN."
)


class Uqlm:
    """Results of uqlm (`to_df`, `to_dict`): its scorers are confidences, one to be chosen; verdicts are the user's."""

    def knows(self, columns: Sequence[str]) -> bool:
        """By a response with samples, log-probabilities or judges beside it, and a scorer."""
        there = set(columns)
        how = there & {"sampled_responses", "logprob", "logprobs", "judge_1", "ensemble_score"}
        return bool(there & set(ANSWERS)) and bool(how) and bool(_scorers(columns))

    def read(self, source: Source) -> Source:
        """The table as it is."""
        told = [name for name in source.columns if VERDICTS.fullmatch(name)]
        verdicts = [name for name in told if graded(source.first(name).tolist())]
        roles, choices = parts(
            confidence=_scorers(source.columns), correct=verdicts,
            answer=[name for name in ANSWERS if name in source.columns][:1],
            item=[name for name in PROMPTS if name in source.columns][:1],
        )  # fmt: skip
        lacking = {} if verdicts else {"correct": NO_VERDICT}
        return replace(
            source, kind="results of uqlm", roles=roles, choices=choices, lacking=lacking,
            notes=("In results of uqlm every scorer is a confidence, exact_match too.",),
        )  # fmt: skip


def _scorers(columns: Sequence[str]) -> list[str]:
    return [name for name in columns if name in SCORERS or JUDGE.fullmatch(name)]
