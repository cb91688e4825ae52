"""Whole runs on a tiny model: it learns, a stopped run is the same as one that was not, and batches may be parted."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="fine-tuning is tried where torch is: make train-test")
pytest.importorskip("peft")

from calibrant.errors import Misuse, UnusableInput  # noqa: E402
from calibrant.training.fine_tuning import FineTuning, Tuned  # noqa: E402
from calibrant.training.merging import merged  # noqa: E402
from calibrant.training.runs import ADAPTER, SAID, Asked, Run, train  # noqa: E402
from calibrant.training.settings import DEFAULTS  # noqa: E402
from calibrant.training.tasks import Confiding  # noqa: E402

from . import tiny  # noqa: E402

pytestmark = pytest.mark.filterwarnings(
    "ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning"
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny.save(tmp_path_factory.mktemp("model"))


def asked(method: str, model: str, log: str, **more: object) -> Asked:
    settings = replace(
        DEFAULTS[method],
        learning_rate=2e-2,
        epochs=2,
        batch=8,
        at_once=8,
        rank=4,
        layers="all-linear",
        patience=99,
    )
    held = more.pop("held_out", 0.35)
    return Asked(method=method, model=model, log=log, settings=replace(settings, **more), held_out=held)


def weights(folder: Path) -> dict[str, "torch.Tensor"]:
    from safetensors.torch import load_file

    return load_file(folder / ADAPTER / "adapter_model.safetensors")


def test_conftuner_learns_which_answers_are_right(model: str, tmp_path: Path) -> None:
    log = tiny.answers(tmp_path / "log.jsonl", 200)
    wanted = asked("conftuner", model, log, epochs=2, learning_rate=1e-2)
    found = train(wanted, tmp_path / "out")
    held = found.card["measured"]["held"]
    assert held["after"]["ways"]["raw"]["auroc"] > 0.9 and held["gain"]["low"] > 0
    assert found.card["scale"] == "digits" and found.card["trained_on"] > 80
    assert any("Brier score better by" in line for line in found.sentences)
    said = [json.loads(line) for line in (tmp_path / "out" / SAID).read_text().splitlines()]
    assert len(said) == held["after"]["n"] and {row["set"] for row in said} == {"held"}
    square = np.mean([(row["after"] - row["correct"]) ** 2 for row in said])
    assert square == pytest.approx(held["after"]["ways"]["raw"]["brier"])
    again = train(wanted, tmp_path / "out")  # done: its card is shown
    assert again.card == json.loads((tmp_path / "out" / "card.json").read_text())


class Stopped(Exception):
    pass


@pytest.mark.parametrize("method", ["conftuner", "rcft"])
def test_a_run_that_was_stopped_gives_the_same_weights_bit_for_bit(
    method: str, model: str, tmp_path: Path
) -> None:
    make = tiny.answers if method == "conftuner" else tiny.questions
    wanted = asked(method, model, make(tmp_path / "log.jsonl"))

    def stop(done: int, total: int, look: object) -> None:
        if done == 12:
            raise Stopped

    whole = train(wanted, tmp_path / "whole")
    with pytest.raises(Stopped):
        train(wanted, tmp_path / "parts", stop)
    assert (tmp_path / "parts" / "checkpoint").is_dir()
    resumed = train(wanted, tmp_path / "parts")
    one, other = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert all(torch.equal(one[name], other[name]) for name in one) and one
    assert resumed.card["curve"] == whole.card["curve"] and resumed.card["measured"] == whole.card["measured"]
    assert not (tmp_path / "parts" / "checkpoint").exists()


@pytest.mark.parametrize("method", ["conftuner", "cft", "rcft"])
def test_eight_at_once_are_two_times_four(method: str, model: str, tmp_path: Path) -> None:
    make = tiny.answers if method == "conftuner" else tiny.questions
    log = make(tmp_path / "log.jsonl")
    folders = []
    for at_once in (8, 4, 3):
        folders.append(tmp_path / str(at_once))
        train(
            asked(method, model, log, epochs=1, dropout=0.0, learning_rate=1e-3, at_once=at_once), folders[-1]
        )
    one, *others = map(weights, folders)
    for other in others:
        assert max(float((one[name] - other[name]).abs().max()) for name in one) < 2e-5


def test_the_last_layers_alone_are_tuned_as_if_those_below_were_computed_each_time(
    model: str, tmp_path: Path
) -> None:
    wanted = asked("conftuner", model, tiny.answers(tmp_path / "log.jsonl"), top=1, at_once=3)
    below: dict[int, object] = {}
    run = train(wanted, tmp_path / "run", below=below)
    held = run.card["measured"]["held"]["after"]["n"]
    places = -(-run.card["trained_on"] // 4) - (-held // 4)
    assert len(below) == 160 + places  # where confidence is asked for, and where one answer in four is held
    with_them = train(wanted, tmp_path / "more", below=below)  # what is there is not computed again
    assert with_them.card["curve"] == run.card["curve"]
    assert all(".layers.1." in name for name in weights(tmp_path / "run"))
    assert run.card["best_step"] > 0
    merged(tmp_path / "run", tmp_path / "merged")
    again = train(replace(wanted, model=str(tmp_path / "merged"), settings=replace(wanted.settings, top=None)),
                  tmp_path / "again")  # fmt: skip
    before = again.card["measured"]["held"]["before"]["ways"]["raw"]  # read by whole passes
    assert before["brier"] == pytest.approx(
        run.card["measured"]["held"]["after"]["ways"]["raw"]["brier"], abs=1e-5
    )
    with pytest.raises(Misuse, match="at most 2"):
        train(replace(wanted, settings=replace(wanted.settings, top=3)), tmp_path / "most")


def test_choices_are_learnt_and_the_regime_is_told(model: str, tmp_path: Path) -> None:
    log = tiny.questions(tmp_path / "log.jsonl", 240)
    cards = {}
    for method in ("cft", "rcft"):
        cards[method] = train(asked(method, model, log, epochs=3, learning_rate=1e-2), tmp_path / method).card
    for card in cards.values():
        held = card["measured"]["held"]
        assert held["after"]["accuracy"] >= held["before"]["accuracy"]
        assert {"raw", "platt", "temperature"} == set(held["after"]["ways"])
        assert card["curve"][-1]["training"] < card["curve"][1]["training"]
        assert any("Regime:" in note for note in card["notes"])
    assert "ece_classes" in cards["cft"]["curve"][0]
    assert "ece_classes" in cards["cft"]["measured"]["held"]["after"]["ways"]["temperature"]
    assert cards["rcft"]["regime"]["side"] in cards["rcft"]["notes"][-1]


def test_a_model_that_learns_how_sure_it_is_goes_on_answering(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny.save(tmp_path / "model", sure=4)
    wanted = asked("conftuner", model, tiny.answers(tmp_path / "log.jsonl"))
    looks = iter(range(99, 0, -1))  # each better than the last: the weights it ends with are kept
    measured = Confiding.measured
    monkeypatch.setattr(Confiding, "measured", lambda *given: measured(*given) | {"loss": next(looks)})
    found = train(wanted, tmp_path / "kept")
    assert 0 <= found.card["answers_kept"] <= 1
    assert "are what it would say as it came" in " ".join(found.sentences)
    monkeypatch.setattr(Confiding, "beside", lambda task, which: [])
    monkeypatch.setattr(FineTuning, "unmoved", lambda loop, which, task: 0.5)
    lost = train(wanted, tmp_path / "lost")
    assert any("as the surrogate" in note and "50%" in note for note in lost.card["notes"])
    assert moved(model, tmp_path / "kept") < 0.8 * moved(model, tmp_path / "lost")


def moved(model: str, run: Path) -> float:
    """How far the tuned model is from what it came as, in nats a token of answers to questions it has not seen."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from calibrant.training.losses.kept import kept

    tuned = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(model), run / ADAPTER).eval()
    answer = " ".join(["LIMA"] * 8)
    texts = [f"<|user|>q{i} 0.{i:06d}?<|assistant|>{answer}" for i in range(100, 140)]
    ids = torch.tensor([tiny.tokenizer().encode(text) for text in texts])
    with torch.no_grad():
        now = tuned(input_ids=ids).logits[:, -9:-1]
        with tuned.disable_adapter():
            before = tuned(input_ids=ids).logits[:, -9:-1]
    return float(kept(now, before, torch.ones(len(ids), 8, dtype=torch.bool)).mean())


def test_a_folder_of_another_run_is_refused(model: str, tmp_path: Path) -> None:
    log = tiny.answers(tmp_path / "log.jsonl")
    train(asked("conftuner", model, log, epochs=1), tmp_path / "out")
    with pytest.raises(Misuse, match="another settings"):
        train(asked("conftuner", model, log, epochs=2), tmp_path / "out")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine")
    with pytest.raises(Misuse, match="holds other files"):
        train(asked("conftuner", model, log), tmp_path / "mine")
    with pytest.raises(UnusableInput, match="held out"):
        train(asked("conftuner", model, tiny.answers(tmp_path / "few.jsonl", 40)), tmp_path / "few")


def test_what_is_asked_of_a_model_that_is_not_there(tmp_path: Path) -> None:
    log = tiny.answers(tmp_path / "log.jsonl")
    with pytest.raises(UnusableInput, match="a folder, a GGUF file or a name"):
        train(asked("conftuner", str(tmp_path / "nothing"), log), tmp_path / "out")
    with pytest.raises(UnusableInput, match="GGUF file"):
        train(asked("conftuner", str(tmp_path / "no.gguf"), log), tmp_path / "other")


def test_a_collapse_is_told() -> None:
    from calibrant.dialogue.scales import SCALES
    from calibrant.training.runs import _notes

    task = Confiding(scale=SCALES["words"], tokens=[0, 1, 2], rows=[[0]] * 4, right=np.array([1.0, 0, 1, 0]))
    same = np.tile([0.01, 0.98, 0.01, 0.4], (4, 1))
    point = {"step": 0, **task.measured(same, range(4))}
    told = " ".join(_notes(task, Tuned(curve=[point], best=0, before={}, after={})))
    assert "Collapsed" in told and "probability of 0.40" in told and "weights are unchanged" in told
    assert isinstance(Run({"measured": {}, "notes": []}).sentences, list)
