"""Tries the mutants of one tree that `mutants.py` has made: mutmut writes them, pytest collects the tests once.

    cd .mutants/PIECE && python ../../tests/mutating.py TEST ... --sample N --seed S --jobs N

Each test is run unchanged first, in a process forked for it, to see which of the changed functions it comes by and how
long it takes. A mutant is one fork more: the tests that come by its function run there, those named as its file first
and then the quickest first, until one fails. No fork imports or collects anything, so a mutant costs what its tests
cost. What became of each is kept in mutmut's own files.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate, compress
from pathlib import Path

import pytest
from _pytest.runner import runtestprotocol
from mutmut import __main__ as mutmut
from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.state import state
from mutmut.utils.file_utils import setup_source_paths, walk_mutatable_files
from mutmut.utils.format_utils import mangled_name_from_mutant_name as function_of

from mutants import SURVIVED, UNTESTED, chosen

LONGEST, MOST = 2.0, 10.0
"""Seconds of the processor of a test, and of all tests of a mutant. What would be noticed later counts as unnoticed."""
PATIENCE = 10.0
"""Seconds beyond five times what its tests take: then a mutant is taken to run for ever, and is killed."""
WAITING = 30
"""Times as many seconds may pass by the clock, on a machine that has other work too."""
FAILED, BROKEN, FOR_EVER = 1, 3, 36
"""mutmut's codes of how a mutant is killed."""
PYTEST = ["-q", "--tb=native", "-p", "no:cacheprovider", "-p", "no:xdist", "--ignore-glob=*/test_coverage.py"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("tests", nargs="+")
    parser.add_argument("--sample", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    given = parser.parse_args()
    set_mutant_under_test("mutant_generation")
    Path("mutants").mkdir(exist_ok=True)
    mutmut.copy_src_dir()
    mutmut.copy_also_copy_files()
    mutmut.create_mutants(given.jobs)
    setup_source_paths()
    os.chdir("mutants")
    os.environ["PYTHONPATH"] = str(Path("src").absolute())  # of the programs that tests start
    trial = Trial(given.sample, given.seed, given.jobs)
    status = pytest.main(["--rootdir=.", *PYTEST, *given.tests], plugins=[trial])
    if not trial.done:
        sys.exit(f"Expected that the tests can be collected and pass unchanged; pytest left with {status}.")


class Trial:
    """In the place of pytest's loop over tests: every test once, then mutants."""

    def __init__(self, sample: int | None, seed: int, jobs: int) -> None:
        self.sample, self.seed, self.jobs, self.done = sample, seed, jobs, False

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed or session.config.option.collectonly:
            return True
        from hypothesis import Phase, settings  # not before pytest has rewritten its assertions

        settings.register_profile("mutants", parent=settings.default, phases=(Phase.explicit, Phase.generate))
        settings.load_profile("mutants")  # what fails need not be made smaller
        took, by = unchanged(session.items, self.jobs)
        files = mutated()
        of = {name: file for file in files for name in file.exit_code_by_key}
        names = chosen(of, self.sample, self.seed)
        left = [name for name in names if of[name].exit_code_by_key[name] is None]
        work = ((name, *tests_of(name, by, took)) for name in left)
        for at, (name, code) in enumerate(tried(work, self.jobs), 1):
            of[name].exit_code_by_key[name] = code
            of[name].save()
            print(f"{time.strftime('%H:%M:%S')} {at}/{len(left)} {code:3d} {name}", flush=True)
        self.done = True
        return True


def mutated() -> list[SourceFileMutationData]:
    """The files that mutmut has made mutants of, with what is known of each."""
    os.chdir("..")
    files = [SourceFileMutationData(path=path) for path in walk_mutatable_files()]
    for file in files:
        file.load()
        file.meta_path = file.meta_path.absolute()
    os.chdir("mutants")
    return files


def unchanged(
    items: list[pytest.Item], jobs: int
) -> tuple[dict[pytest.Item, float], dict[str, list[pytest.Item]]]:
    """How long each test takes that passes on the code as it is, and which tests come by a function."""
    folder = Path("unchanged")
    folder.mkdir(exist_ok=True)

    def alone(at: int, item: pytest.Item) -> int:
        state()._stats.clear()
        passed = passes(item)
        told = {"took": sum(os.times()[:4]), "by": sorted(state()._stats)}
        (folder / f"{at}.json").write_text(json.dumps(told), encoding="utf-8")
        return SURVIVED if passed else FAILED

    work = ((str(at), LONGEST, lambda at=at, item=item: alone(at, item)) for at, item in enumerate(items))
    took: dict[pytest.Item, float] = {}
    by: dict[str, list[pytest.Item]] = {}
    for name, code in forked(work, jobs, "stats"):
        item = items[int(name)]
        if code != SURVIVED:
            print(f"not used ({'too long' if code == FOR_EVER else 'fails or is skipped'}): {item.nodeid}")
            continue
        told = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        took[item] = told["took"]
        for function in told["by"]:
            by.setdefault(function, []).append(item)
    return took, by


def passes(item: pytest.Item) -> bool:
    """Whether a test and what it needs runs through; nothing that it made is left for another."""
    reports = runtestprotocol(item, log=False, nextitem=None)
    return all(report.passed for report in reports)


def tests_of(
    name: str, by: dict[str, list[pytest.Item]], took: dict[pytest.Item, float]
) -> tuple[float, list[pytest.Item]]:
    """How long the tests of a mutant take, and those tests: of its own file first, then the quickest."""
    file = name.rpartition(".")[0].rpartition(".")[2]
    own = {f"test_{file}.py", f"{file}.py"}
    tests = sorted(by.get(function_of(name), []), key=lambda item: (item.path.name not in own, took[item]))
    within = [so_far <= MOST for so_far in accumulate(took[item] for item in tests)]
    tests = list(compress(tests, within))
    return sum(took[item] for item in tests), tests


def tried(work: Iterable[tuple[str, float, list[pytest.Item]]], jobs: int) -> Iterator[tuple[str, int]]:
    """Of each mutant its name and what became of it."""
    untested: list[str] = []

    def tests() -> Iterator[tuple[str, float, Callable[[], int]]]:
        for name, took, items in work:
            if items:
                yield name, PATIENCE + 5 * took, lambda items=items: FAILED * (not all(map(passes, items)))
            else:
                untested.append(name)

    yield from forked(tests(), jobs, None)
    yield from ((name, UNTESTED) for name in untested)


def forked(
    work: Iterator[tuple[str, float, Callable[[], int]]], jobs: int, mutant: str | None
) -> Iterator[tuple[str, int]]:
    """Run each piece of work in a process of its own, with its name as the mutant unless one is given."""
    running: dict[int, str] = {}
    for name, seconds, do in work:
        if len(running) >= jobs:
            yield ended(running)
        sys.stdout.flush()
        process = os.fork()
        if process == 0:
            within(mutant or name, seconds, do)
        running[process] = name
    while running:
        yield ended(running)


def within(mutant: str, seconds: float, do: Callable[[], int]) -> None:
    """What a forked process does; it never comes back."""
    code = BROKEN
    try:
        for kind, timer, most in (
            (signal.SIGPROF, signal.ITIMER_PROF, seconds),
            (signal.SIGALRM, signal.ITIMER_REAL, WAITING * seconds),
        ):
            signal.signal(kind, signal.SIG_DFL)  # ends a loop in compiled code too
            signal.setitimer(timer, most)
        set_mutant_under_test(mutant)
        code = do()
    finally:
        os._exit(code)


def ended(running: dict[int, str]) -> tuple[str, int]:
    process, status = os.wait()
    code = os.waitstatus_to_exitcode(status)
    return running.pop(process), FOR_EVER if -code in (signal.SIGALRM, signal.SIGPROF) else code


if __name__ == "__main__":
    main()
