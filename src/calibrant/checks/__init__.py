"""The contracts of the families, for whoever writes an extension: `checks.signal(MySignal)`, in a test or a shell.

Each raises `BrokenPromise`, an AssertionError that lists the promises which are not kept, or returns nothing. What it
is given is a class, or a function that makes one: `checks.store(lambda: MyStore(new_file()))`. `findings` returns what
`check` raises, `promises` what a family promises.
"""

from functools import partial

from .promises import Breach, check, findings, promises

signal = partial(check, "signals")
calibrator = partial(check, "calibrators")
policy = partial(check, "policies")
grader = partial(check, "graders")
model = partial(check, "models")
dataset = partial(check, "datasets")
store = partial(check, "stores")
route = partial(check, "routes")
attack = partial(check, "attacks")
log_format = partial(check, "log_formats")
engine = partial(check, "engines")

__all__ = [
    "Breach", "attack", "calibrator", "check", "dataset", "engine", "findings", "grader", "log_format", "model",
    "policy", "promises", "route", "signal", "store",
]  # fmt: skip
