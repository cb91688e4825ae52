"""An example or two of every command, shown by its --help and run by a test."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["EXAMPLES", "epilog"]

EXAMPLES: Mapping[str, tuple[str, ...]] = {
    "look": ("calibrant look answers.csv", "calibrant look answers.csv --max-error 0.05 --label-cost 0.5"),
    "audit": (
        "calibrant audit answers.csv", "calibrant audit answers.csv --by task --report audit.html",
        "calibrant audit answers.csv --labels labels.csv --on item_id",
        "calibrant audit 'duckdb:answers.csv' --by task",
    ),
    "fit": ("calibrant fit answers.csv --by task -o maps.json",),
    "apply": ("calibrant apply maps.json answers.csv -o calibrated.csv",),
    "compare": (
        "calibrant compare answers.csv later.csv --fail-if 'accuracy<-0.05'",
        "calibrant compare answers.csv --between model",
    ),
    "watch": ("calibrant watch answers.csv --by task --tolerance 0.03", "calibrant watch calibrant.db"),
    "judge": ("calibrant judge answers.csv --human human",),
    "signals": ("calibrant signals", "calibrant signals records.jsonl"),
    "plan thresholds": ("calibrant plan thresholds answers.csv --max-error 0.2 -o thresholds.json",),
    "plan check": ("calibrant plan check thresholds.json later.csv",),
    "plan costs": ("calibrant plan costs answers.csv --wrong 10 --review 1",),
    "plan cascade": ("calibrant plan cascade answers.csv --models small,large --fit-rows 100 -o cascade.json",),
    "plan ensemble": ("calibrant plan ensemble answers.csv --models small,large -o pool.json",),
    "plan pareto": ("calibrant plan pareto answers.csv --of model",),
    "plan chain": ("calibrant plan chain steps.jsonl -o chain.json",),
    "plan correction": ("calibrant plan correction attempts.jsonl",),
    "plan retrieval": ("calibrant plan retrieval documents.jsonl -o documents.json",),
    "elicit": (
        "calibrant elicit questions.jsonl -o records.jsonl --estimate",
        "calibrant elicit world_facts -o records.jsonl --limit 50 --signals mean_logprob,verbalized",
        "calibrant elicit questions.jsonl -o records.jsonl --url http://models:8000/v1 --model m --ray 16",
    ),
    "ask": ("calibrant ask 'What is the capital of Peru?'",),
    "demo": ("calibrant demo --limit 40 -o demo",),
    "init": (
        "calibrant init",
        "calibrant init --url http://localhost:8000/v1 --model my-model --store calibrant.db -o gateway.toml",
    ),
    "doctor": ("calibrant doctor calibrant.toml", "calibrant doctor calibrant.toml --json"),
    "key": ("calibrant key search",),
    "serve": ("calibrant serve calibrant.toml --check",),
    "mcp": (
        "calibrant mcp calibrant.toml --logs logs",
        "calibrant mcp --url http://localhost:8080/v1 --api-key env:KEY",
    ),
    "card": ("calibrant card calibrant.db", "calibrant card calibrant.db --task law -o card.html"),
    "verify": ("calibrant verify calibrant.db",),
    "import": (
        "calibrant import answers.csv --store imported.db --judged all",
        "calibrant import answers.csv --store imported.db --answer answer --task support",
    ),
    "scores": ("calibrant scores calibrant.db --to langfuse -o scores.jsonl",),
    "releases promote": (
        "calibrant releases promote calibrant.toml --note 'maps of May'",
        "calibrant releases promote release.json --store calibrant.db",
    ),
    "learn refit": ("calibrant learn refit calibrant.db", "calibrant learn refit calibrant.db --task law -o maps.json"),
    "learn promote": (
        "calibrant learn promote calibrant.db",
        "calibrant learn promote calibrant.db --careful --why 'more complaints since Monday'",
    ),
    "learn certify": ("calibrant learn certify calibrant.db", "calibrant learn certify calibrant.db --dry-run --json"),
    "learn rollback": ("calibrant learn rollback calibrant.db --why 'more complaints since'",),
    "learn export": (
        "calibrant learn export calibrant.db --to sft -o sft.jsonl",
        "calibrant learn export calibrant.db --to table -o reviewed.csv --split 0.9",
    ),
    "learn diff": ("calibrant learn diff calibrant.toml release.json",),
    "releases list": ("calibrant releases list calibrant.db",),
    "learn queue": (
        "calibrant learn queue calibrant.db", "calibrant learn queue calibrant.db --per-day 20 -o queue.csv",
    ),
    "erase": ("calibrant erase calibrant.db --older-than 90d",),
    "posture": ("calibrant posture world_facts --estimate",),
    "redteam": ("calibrant redteam world_facts --estimate",),
    "refine": ("calibrant refine world_facts --limit 200 --estimate",),
    "train conftuner": (
        "calibrant train conftuner --model HuggingFaceTB/SmolLM2-135M-Instruct --log answers.csv -o tuned",
    ),
    "train cft": ("calibrant train cft --model my-model --log choices.jsonl -o restored",),
    "train rcft": ("calibrant train rcft --model my-model --log choices.jsonl -o restored",),
    "train merge": ("calibrant train merge tuned -o tuned.gguf --like base.gguf",),
    "extensions": ("calibrant extensions signals",),
}  # fmt: skip


def epilog(name: str) -> str | None:
    """What stands below the options of a command, each example in a line."""
    shown = EXAMPLES.get(name, ())
    return "\n\n".join(["Examples:" if len(shown) > 1 else "Example:", *shown]) if shown else None
