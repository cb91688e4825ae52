"""Which of the tokens that came with an answer spell it. A server may send those of other text: reasoning, markup."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate

from ..types import Token

__all__ = ["AROUND", "END_OF_TEXT", "holding", "spelling", "without_end"]

END_OF_TEXT = re.compile(r"\s*|<[|｜].*[|｜]>|</?s>|<(?:eos|pad|end_of_turn|EOS_TOKEN)>|\[(?:EOS|/INST)\]")
"""Tokens behind the answer that say nothing about it."""

MARK = re.compile(r"(?:<[^<>\n]{1,60}>|\[/?[A-Z_]{2,40}\])\s*\Z")
"""A mark of a chat template, with which what comes before an answer ends."""
OPENING = re.compile(
    r"(?:<(?:think|thinking|thought|reasoning|reflection)>|\[THINK\]|analysis<\|message\|>)\s*\Z"
)
"""A mark behind which reasoning begins, and no answer."""

ESCAPED = re.compile(rb"\\x([0-9a-fA-F]{2})|<0x([0-9a-fA-F]{2})>")
"""A byte that is no character by itself, as OpenAI and as SentencePiece write it."""
AROUND = " \t\n\r().,:;*\"'`[]{}#"
"""What may stand around a word or a letter within one token."""
ESCAPE, PIECE, FOREIGN = (
    re.compile(r"\\x[0-9a-fA-F]{2}|<0x"),
    re.compile("\u2581"),
    re.compile("[\xa1-\u0143]"),
)
"""What a text holds that is written in bytes, in SentencePiece, in the alphabet of a byte-level tokenizer."""
REPLACED = re.compile("(\ufffd+)")


def spelling(tokens: tuple[Token, ...], text: str, reasoning: str = "") -> tuple[Token, ...] | None:
    """The tokens that spell the text, or None where they do not.

    All of them, but for marks and white space around the answer, or those at the end where what comes before holds the
    reasoning, or ends with a mark of the chat template, such as ``</think>``. White space may be lacking between
    tokens, letters may be written as bytes or in the alphabet of a tokenizer, which then are written out, so that the
    tokens can be read.

    >>> said = (Token("<think>", 0.0), Token("Hm", -1.0), Token("</think>", 0.0), Token("Par", -0.1), Token("is", 0.0))
    >>> [token.text for token in spelling(said, "Paris") or ()]
    ['Par', 'is']
    >>> spelling(said[:2], "Paris") is None
    True
    """
    own = without_end(tokens, text)
    if "".join([token.text for token in own]).strip() == text.strip():
        return own
    for written in _writings(own):
        if (place := _place(written, text, reasoning)) is not None:
            first, last = place
            while first and own[first - 1].text and not written[first - 1].text:
                first -= 1  # the beginning of a letter that is spread over tokens
            return written[first:last]
    return own if _alike("".join([token.text for token in own]).strip(), text.strip()) else None


def without_end(tokens: tuple[Token, ...], text: str) -> tuple[Token, ...]:
    """The tokens but for end-of-text marks and white space behind the answer.

    A mark with which the text itself ends belongs to the answer.

    >>> [token.text for token in without_end((Token("Paris", 0.0), Token("</s>", -1.0)), "Paris")]
    ['Paris']
    """
    end = len(tokens)
    while end and END_OF_TEXT.fullmatch(last := tokens[end - 1].text):
        if last.strip() and text.endswith(last):
            break
        end -= 1
    return tokens[:end]


def holding(tokens: tuple[Token, ...], parts: Sequence[tuple[str, bool]]) -> tuple[Token, ...] | None:
    """The tokens from the first of these texts to the last, one after the other with anything between; None without.

    White space does not count. A part may be marked as one that need not be there.

    >>> said = (Token("<call>", 0.0), Token('{"q":', 0.0), Token(" 1}", -0.5), Token("</call>", 0.0))
    >>> [token.text for token in holding(said, [("look", False), ('{"q": 1}', True)]) or ()]
    ['{"q":', ' 1}']
    """
    for written in _writings(tokens):
        words = [_bare(token.text) for token in written]
        joined, at, begin = "".join(words), 0, None
        for part, needed in parts:
            found = joined.find(_bare(part), at)
            if found < 0 and needed:
                break
            if found >= 0:
                begin = found if begin is None else begin
                at = found + len(_bare(part))
        else:
            ends = list(accumulate(map(len, words)))
            kept = [i for i, end in enumerate(ends) if end > (begin or 0) and end - len(words[i]) < at]
            return written[kept[0] : kept[-1] + 1] if kept else None
    return None


def _bare(text: str) -> str:
    return "".join(text.split())


def _place(tokens: tuple[Token, ...], text: str, reasoning: str) -> tuple[int, int] | None:
    """Where the tokens begin and end that hold the text, with nothing but marks around it."""
    raw, target = "".join([token.text for token in tokens]), _bare(text)
    at = _bare(raw).rfind(target)
    if at < 0 or not target:
        return None
    words = [_bare(token.text) for token in tokens]
    end, ends = at + len(target), list(accumulate(map(len, words)))
    spots = [i for i, letter in enumerate(raw) if not letter.isspace()]
    before, inside, after = raw[: spots[at]], raw[spots[at] : spots[end - 1] + 1], raw[spots[end - 1] + 1 :]
    thought = bool(reasoning.strip()) and _bare(reasoning) in _bare(before)
    apart = thought or MARK.search(before) or not before.strip(AROUND)
    if OPENING.search(before) or not apart or after.strip(AROUND):
        return None
    if not _spaced_alike(inside, text.strip(), {stop - at for stop in ends}):
        return None
    held = [i for i, stop in enumerate(ends) if stop > at and stop - len(words[i]) < end]
    return held[0], held[-1] + 1


def _spaced_alike(said: str, text: str, begins: set[int]) -> bool:
    """White space may be lacking where a token begins; nowhere may there be some that the text has not."""
    there, wanted = set(_gaps(said)), set(_gaps(text))
    return there <= wanted and wanted - there <= begins


def _gaps(text: str) -> list[int]:
    """Before which of the characters that are no white space there is some; not before the first."""
    return list(accumulate(map(len, text.split())))[:-1]


def _writings(tokens: tuple[Token, ...]) -> Iterator[tuple[Token, ...]]:
    """The tokens as they stand, then with bytes written out, then in the alphabets of tokenizers."""
    yield tokens
    raw = "".join([token.text for token in tokens])
    for sign, octets in ((ESCAPE, _from_escapes), (PIECE, _from_pieces), (FOREIGN, _from_alphabet)):
        if sign.search(raw):
            yield _written(tokens, octets)


def _written(tokens: tuple[Token, ...], octets: Callable[[str], bytes]) -> tuple[Token, ...]:
    """The tokens in letters; a letter that is spread over several stands in the last of them."""
    decoder, made = codecs.getincrementaldecoder("utf-8")("replace"), []
    for token in tokens:
        text = decoder.decode(octets(token.text))
        top = tuple(
            (text if word == token.text else octets(word).decode(errors="replace"), weight)
            for word, weight in token.top
        )
        made.append(Token(text, token.logprob, top))
    return tuple(made)


def _from_escapes(word: str) -> bytes:
    r"""The bytes of ``bytes:\xe2\x82``, ``<0xE2>`` or any text.

    >>> _from_escapes(r"bytes: \xe2\x82"), _from_escapes("<0xAC>")
    (b' \xe2\x82', b'\xac')
    """
    octets = word.encode(errors="replace")
    if b"\\x" not in octets and b"<0x" not in octets:
        return octets
    return ESCAPED.sub(lambda found: bytes([int(found[1] or found[2], 16)]), octets.removeprefix(b"bytes:"))


def _from_pieces(word: str) -> bytes:
    """The bytes of a piece of SentencePiece, where a lower block is a space."""
    return _from_escapes(word.replace("\u2581", " "))


def _alphabet() -> dict[str, int]:
    """Byte-level BPE: letters for all bytes, those that cannot be seen from U+0100 on (Radford et al. 2019)."""
    seen = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    unseen = [octet for octet in range(256) if octet not in seen]
    return {chr(octet): octet for octet in seen} | {chr(256 + i): octet for i, octet in enumerate(unseen)}


ALPHABET = _alphabet()


def _from_alphabet(word: str) -> bytes:
    """The bytes of a token as the vocabulary of a byte-level tokenizer has it.

    >>> _from_alphabet("\u0120caf\u00c3\u00a9").decode()
    ' café'
    """
    if not all(letter in ALPHABET for letter in word):
        return word.encode(errors="replace")
    return bytes([ALPHABET[letter] for letter in word])


def _alike(said: str, text: str) -> bool:
    """Whether tokens spell the text but for letters that could not be decoded, each of which has one mark or more."""
    first, *rest = REPLACED.split(said)
    if not rest or not text.startswith(first):
        return False
    at = len(first)
    for marks, part in zip(rest[::2], rest[1::2], strict=True):
        end = text.find(part, at + 1, at + len(marks) + len(part)) if part else len(text)
        lost = text[at : max(at, end)]
        if not 0 < len(lost) <= len(marks) or any(letter.isascii() for letter in lost):
            return False
        at = end + len(part)
    return at == len(text)
