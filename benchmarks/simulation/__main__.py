"""Worlds with faults, each from a seed: what must hold is checked in every one.

    python -m benchmarks.simulation [--seeds 1000] [--first 0] [--quick]

A seed that does not hold is printed with what broke: `--first SEED --seeds 1` repeats it to the step.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from .invariants import broken
from .world import World


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="five seeds")
    return parser


def main() -> None:
    given = options().parse_args()
    logging.getLogger("calibrant").setLevel(logging.ERROR)
    seeds = range(given.first, given.first + (5 if given.quick else given.seeds))
    began, met, bad = time.process_time(), Counter[str](), 0
    for seed in seeds:
        said = lived(seed, met)
        bad += bool(said)
        for one in said:
            print(f"seed {seed}: {one}", flush=True)
    took = time.process_time() - began
    print(", ".join(f"{many:,} {what}" for what, many in met.items()))
    print(
        f"{len(seeds):,} seeds, {bad} of them broken, {took:.0f} s of CPU ({1000 * took / len(seeds):.0f} ms each)"
    )
    sys.exit(3 if bad else 0)


def lived(seed: int, met: Counter[str]) -> list[str]:
    """What does not hold after one world was lived through; `met` counts what happened in it."""
    with tempfile.TemporaryDirectory(dir=_memory()) as folder:
        world = World(seed, Path(folder))
        try:
            world.run()
            world.heal()
            said = broken(world)
            met.update({"faults": world.faults, "kills": world.crashes, **world.store.counts()})
            met.update(f"{kind}s" for kind in KINDS for _ in world.store.events(kind))
            met.update(f"promotions: {one.fact.data['note']}" for one in world.store.events("promotion"))
        finally:
            world.store.close()
        return said


KINDS = ("alarm", "proposal", "certificate", "promotion", "erasure", "reviewed")


def _memory() -> str | None:
    """A folder in memory, since no power is cut here and a disk's pace tells nothing."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


if __name__ == "__main__":
    main()
