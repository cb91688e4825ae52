"""What was learnt, as files that servers load."""

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="fine-tuning is tried where torch is: make train-test")
gguf = pytest.importorskip("gguf")
pytest.importorskip("peft")

from calibrant.errors import Misuse, UnusableInput  # noqa: E402
from calibrant.training.merging import merged  # noqa: E402
from calibrant.training.runs import ADAPTER, CARD, train  # noqa: E402

from . import tiny  # noqa: E402
from .test_runs import asked  # noqa: E402

pytestmark = pytest.mark.filterwarnings(
    "ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning"
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("merging")
    model = tiny.save(folder / "model")
    log = tiny.answers(folder / "log.jsonl")
    train(asked("conftuner", model, log, epochs=1, learning_rate=5e-3), folder / "run")
    return folder / "run"


def base_gguf(path: Path, model: str, seed: int | None = None) -> Path:
    """The tiny model as the runtimes of its family have it: rows of queries and keys in pairs."""
    from transformers import LlamaForCausalLM

    whole = LlamaForCausalLM.from_pretrained(model)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, 2)
    writer = gguf.GGUFWriter(path, arch="llama")
    writer.add_name("tiny")
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    rng = np.random.default_rng(seed)
    for name, value in whole.state_dict().items():
        if name == "lm_head.weight":  # tied
            continue
        a = value.numpy() if seed is None else rng.standard_normal(value.shape).astype(np.float32)
        heads = {"q_proj": 4, "k_proj": 2}.get(name.split(".")[-2])
        if heads:
            a = a.reshape(heads, 2, a.shape[0] // heads // 2, -1).swapaxes(1, 2).reshape(a.shape)
        writer.add_tensor(names.get_name(name, try_suffixes=(".weight",)), np.ascontiguousarray(a))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_a_merged_folder_says_what_the_adapter_says(run: Path, tmp_path: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    made = merged(run, tmp_path / "merged")
    assert made["scale"] == "digits" and made["tensors"] > 10
    ids = torch.tensor([AutoTokenizer.from_pretrained(tmp_path / "merged").encode("What is it? A")])
    base = AutoModelForCausalLM.from_pretrained(made["model"])
    plain = base(ids).logits
    tuned = PeftModel.from_pretrained(base, run / ADAPTER).eval()(ids).logits
    whole = AutoModelForCausalLM.from_pretrained(tmp_path / "merged")(ids).logits
    assert torch.allclose(tuned, whole, atol=1e-5) and not torch.allclose(plain, whole, atol=1e-4)
    with pytest.raises(Misuse, match="empty or a new folder"):
        merged(run, tmp_path / "merged")


def test_a_gguf_has_each_tensor_where_its_base_has_it(run: Path, tmp_path: Path) -> None:
    card = json.loads((run / CARD).read_text())
    like = base_gguf(tmp_path / "base.gguf", card["model"])
    made = merged(run, tmp_path / "tuned.gguf", like=like)
    merged(run, tmp_path / "whole")
    wanted = gguf.GGUFReader(base_gguf(tmp_path / "wanted.gguf", str(tmp_path / "whole")))
    here = gguf.GGUFReader(tmp_path / "tuned.gguf")
    assert made["tensors"] == len(wanted.tensors) == len(here.tensors)
    assert here.get_field("general.name").contents() == "tiny"
    for one, other in zip(wanted.tensors, here.tensors, strict=True):
        a, b = (gguf.dequantize(t.data, t.tensor_type).ravel() for t in (one, other))
        assert one.name == other.name and np.linalg.norm(a - b) < 0.02 * np.linalg.norm(a)
    with pytest.raises(UnusableInput, match="of another model"):
        merged(run, tmp_path / "other.gguf", like=base_gguf(tmp_path / "strange.gguf", card["model"], seed=1))
    assert not (tmp_path / "other.gguf").exists()


def test_what_cannot_be_merged_is_said(run: Path, tmp_path: Path) -> None:
    with pytest.raises(Misuse, match="--like BASE"):
        merged(run, tmp_path / "tuned.gguf")
    with pytest.raises(Misuse, match="Train first"):
        merged(tmp_path, tmp_path / "out")
    with pytest.raises(UnusableInput, match="Check --like"):
        merged(run, tmp_path / "tuned.gguf", like=tmp_path / "none.gguf")
