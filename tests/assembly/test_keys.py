"""Keys of the gateway."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from calibrant.assembly.config import parse
from calibrant.assembly.keys import hash_of, new_key, weakness
from calibrant.errors import UnusableInput

MODEL = {"kind": "scripted", "script": {}}
HASH = hash_of("q8Zr-51xw-Kd0e-77ab")


@pytest.mark.parametrize(
    "key",
    [
        "changeme", "sk-test", "sk-1234", "password", "passw0rd", "123456789012345", "changeme-changeme",
        "CHANGEME_CHANGEME", "aaaaaaaaaaaaaaaaaaaaaaaa", "0000000000000000", "abababababababababab",
        "1234567890123456", "abcdefghijklmnopqrst", "your-api-key-here", "sk-your-secret-key-here-1234",
        "my_super_secret_key", "sk-proj-test-key-0000", "<your-api-key>", "please change this key",
        "sk-xxxxxxxxxxxxxxxxxxxx", "Qwertyuiopasdfgh", "qwertyuiop123456", "sk-litellm-master-key",
        "changeme2024!!!!!", "schlüssel-mit-umlaut-7", "with a line\nend-of-5f8e",
    ],
)  # fmt: skip
def test_weak_keys_are_refused_wherever_they_stand(key: str) -> None:
    assert weakness(key) is not None
    for table in ({"server": {"key": "env:K"}}, {"keys": {"a": {"key": "env:K"}}}):
        with pytest.raises(
            UnusableInput, match=r"keeps nobody out: it .* Make another: calibrant key"
        ) as raised:
            parse({"model": MODEL} | table, {"K": key})
        assert key not in str(raised.value), "an error is shown to whoever reads the log"


def test_random_keys_are_strong_and_those_of_other_makers_too() -> None:
    for _ in range(200):
        assert weakness(new_key()) is None
    for made in (
        "8f14e45fceea167a5a36dedd4bea2543",
        "550e8400-e29b-41d4-a716-446655440000",
        "correct-horse-battery-staple",
    ):
        assert weakness(made) is None
    assert len({new_key() for _ in range(100)}) == 100


def test_only_the_hash_of_a_key_is_kept() -> None:
    config = parse({"model": MODEL, "keys": {"team": {"key": "env:K"}}}, {"K": "q8Zr-51xw-Kd0e-77ab"})
    (key,) = config.keys
    assert key.hash == f"sha256:{hashlib.sha256(b'q8Zr-51xw-Kd0e-77ab').hexdigest()}"
    assert key.hash not in repr(config), "with the hash a guess can be tested"
    assert (key.name, key.roles) == ("team", ("client",))


def test_the_servers_key_has_every_role_and_keys_open_other_machines() -> None:
    table: dict[str, Any] = {"model": MODEL, "server": {"key": "env:K", "host": "0.0.0.0"}}
    assert parse(table, {"K": new_key()}).keys[0].roles == ("client", "reviewer", "admin")
    table = {
        "model": MODEL,
        "server": {"host": "0.0.0.0"},
        "keys": {"a": {"hash": HASH, "tasks": ["law"], "task": "law"}},
    }
    assert parse(table, {}).keys[0].tasks == ("law",)


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"a": {}}, r"\[keys.a\] needs hash = .* as `calibrant key a` prints it"),
        ({"a": {"hash": HASH, "key": "env:K"}}, r"\[keys.a\] needs hash"),
        ({"a": {"key": "q8Zr-51xw-Kd0e-77ab"}}, r"\[keys.a\]: a key does not stand in a file"),
        ({"a": {"hash": "q8Zr-51xw-Kd0e-77ab"}}, r"\[keys.a\]: hash is .sha256:. and 64 hex digits"),
        ({"a": {"hash": hash_of("sk-1234")}}, r"\[keys.a\]: hash is that of a key which stands in examples"),
        ({"a": {"hash": HASH}, "b": {"hash": HASH}}, r"\[keys.b\] and a are one key"),
        ({"a": {"hash": HASH, "roles": ["boss"]}}, r"roles: expected 'client' or 'reviewer' or 'admin', got 'boss'"),
        ({"a": {"hash": HASH, "roles": []}}, r"\[keys.a\]: roles are one or more"),
        ({"a": {"hash": HASH, "task": "shop", "tasks": ["law"]}}, r"task 'shop' is not among its tasks: law"),
        ({"a": {"hash": HASH, "budget": 0.0}}, r"budget is a number above 0; leave it out"),
        ({"a": {"hash": HASH, "budjet": 1.0}}, r"\[keys.a\] has an unknown key 'budjet'. Did you mean 'budget'\?"),
        ({"a": 7}, r"Expected a section \[keys.a\]"),
        ({"a": {"key": "env:ABSENT"}}, r"keys.a.key is taken from the environment, where ABSENT is not set"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_key_is_said(keys: dict[str, Any], told: str) -> None:
    with pytest.raises(UnusableInput, match=told):
        parse({"model": MODEL, "keys": keys}, {"K": new_key()})
