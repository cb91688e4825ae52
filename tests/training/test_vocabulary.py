"""Confidence tokens of real kinds of tokenizers: numbers whole, digit by digit, with a space before, and words."""

import pytest

from calibrant.errors import Misuse, UnusableInput
from calibrant.training.vocabulary import chosen_scale, single_tokens

transformers = pytest.importorskip(
    "transformers", reason="tokenizers are tried where transformers is: make train-test"
)
tokenizers = pytest.importorskip("tokenizers")

PROMPT = "<|user|>How sure?<|assistant|>"


def by_digits() -> object:
    """Bytes, no merges, as of models that part numbers digit by digit."""
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    made = tokenizers.Tokenizer(tokenizers.models.BPE({c: i for i, c in enumerate(alphabet)}, []))
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = tokenizers.decoders.ByteLevel()
    return transformers.PreTrainedTokenizerFast(tokenizer_object=made)


def of_words(*words: str) -> object:
    """Whole words and numbers, as of models with tokens of three digits."""
    vocabulary = {
        word: i for i, word in enumerate(["<unk>", "<|user|>", "<|assistant|>", "How", "sure?", *words])
    }
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="<unk>"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Split(tokenizers.Regex(r"<\|\w+\|>| "), "isolated")
    return transformers.PreTrainedTokenizerFast(tokenizer_object=made, unk_token="<unk>")


def test_digits_where_numbers_are_parted() -> None:
    scale, ids = chosen_scale(by_digits(), PROMPT)
    assert scale.name == "digits" and len(set(ids)) == 10 and scale.values[-1] == 1.0
    with pytest.raises(UnusableInput, match="101 different ones; not so: '10', '11'"):
        chosen_scale(by_digits(), PROMPT, "percent")


def test_whole_numbers_where_the_tokenizer_has_them() -> None:
    scale, ids = chosen_scale(of_words(*map(str, range(101))), PROMPT)
    assert scale.name == "percent" and len(set(ids)) == 101


def test_words_where_there_are_no_numbers_and_nothing_where_there_are_none() -> None:
    assert chosen_scale(of_words("low", "medium", "high"), PROMPT)[0].name == "words"
    with pytest.raises(UnusableInput, match="none of these as single tokens"):
        chosen_scale(of_words("yes"), PROMPT)
    with pytest.raises(Misuse, match="percent, digits, words"):
        chosen_scale(by_digits(), PROMPT, "stars")


def test_what_melts_with_the_text_before_it_is_no_token() -> None:
    class Melting:
        """As where "e" and "7" are one token together."""

        def encode(self, text: str, add_special_tokens: bool = True) -> list[int]:
            return [300] if text.endswith("e7") else [ord(c) for c in text]

        def decode(self, ids: list[int]) -> str:
            return "".join(map(chr, ids))

    assert single_tokens(Melting(), ["7"], "sure\n") == [55]
    with pytest.raises(UnusableInput, match="not so: '7'"):
        single_tokens(Melting(), ["7"], "sure")
