"""From the adapter of a run to weights that servers load: safetensors in a folder, or one GGUF file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from sys import stderr
from typing import Any

import numpy as np

from ..errors import Misuse, UnusableInput
from ..files.writing import replacing
from .runs import ADAPTER, CARD
from .weights import loaded, needed

__all__ = ["merged"]

FAR = 0.5
"""A tensor this far from its like, of the norm of either, is another one; quantising moves one by a tenth."""


def merged(run: str | Path, out: str | Path, *, like: str | Path | None = None) -> dict[str, Any]:
    """Merge a run's adapter into its model and write it; says what was written.

    Parameters
    ----------
    run : the folder of a run that has its card
    out : a folder, or a file that ends in ``.gguf``
    like : for GGUF, one of the same base model; the one that was tuned, where it was one

    Raises
    ------
    Misuse
        No such run, or one that has not ended; no GGUF of the base model is named where one is needed.
    UnusableInput
        The base model is not there any more, or the file is of another one.
    """
    folder, target = Path(run), Path(out)
    if not (folder / CARD).is_file():
        raise Misuse(
            f"Expected the folder of a run that has ended, with {CARD}; {folder} has none. Train first."
        )
    card = json.loads((folder / CARD).read_text())
    gguf = target.suffix == ".gguf"
    base = like or (card["model"] if card["model"].endswith(".gguf") else None)
    if gguf and base is None:
        raise Misuse("A GGUF file takes its vocabulary from one of the same base model: --like BASE.gguf.")
    if not gguf and target.is_dir() and any(target.iterdir()):
        raise Misuse(f"Expected {target} to be an empty or a new folder. Name another.")
    with redirect_stdout(stderr):
        model, tokenizer = loaded(card["model"])
        places = _places(model, Path(str(base))) if gguf else {}
        whole = needed("peft").PeftModel.from_pretrained(model, folder / ADAPTER).merge_and_unload()
        if gguf:
            _write_gguf(whole, places, Path(str(base)), target)
        else:
            whole.save_pretrained(target)
            tokenizer.save_pretrained(target)
    count = len(places) or len(whole.state_dict())
    return {
        "file": str(target), "tensors": count, "model": card["model"], "method": card["method"], "scale": card["scale"],
    }  # fmt: skip


def _places(model: Any, like: Path) -> dict[str, tuple[str, int]]:
    """By each tensor of the file the model's own name for it, and which of its `_orders` the file has.

    It is told by what the untuned model holds: runtimes of the Llama family have rows of queries and keys in another
    order than the model's own code.
    """
    gguf = needed("gguf")
    if not like.is_file():
        raise UnusableInput(f"Expected a GGUF file of the base model at {like}; there is none. Check --like.")
    reader = gguf.GGUFReader(like)
    arch = reader.get_field("general.architecture").contents()
    kinds = {name: kind for kind, name in gguf.MODEL_ARCH_NAMES.items()}
    if arch not in kinds:
        raise UnusableInput(
            f"GGUF files of the architecture {arch!r} are not known to the package gguf. Update it."
        )
    mapped = gguf.get_tensor_name_map(kinds[arch], model.config.num_hidden_layers)
    own = {mapped.get_name(name, try_suffixes=(".weight", ".bias")): name for name in model.state_dict()}
    state, found = model.state_dict(), dict[str, tuple[str, int]]()
    for tensor in reader.tensors:
        values = _numbers(state[own[tensor.name]]) if tensor.name in own else None
        order = None if values is None else _order(gguf, tensor, values, model.config)
        if order is None:
            raise UnusableInput(
                f"{like}: {tensor.name} is not the model's own. It is of another model; check --like."
            )
        found[tensor.name] = own[tensor.name], order
    return found


def _numbers(tensor: Any) -> Any:
    return tensor.detach().float().cpu().numpy()


def _order(gguf: Any, tensor: Any, values: Any, config: Any) -> int | None:
    """Which order of the values is near to what the file holds; None where none is."""
    if int(np.prod(tensor.shape)) != values.size:
        return None
    there = gguf.dequantize(tensor.data, tensor.tensor_type).reshape(values.shape)
    size = max(float(np.linalg.norm(there)), float(np.linalg.norm(values)), 1e-9)
    far = [float(np.linalg.norm(one - there)) for one in _orders(values, config)]
    return int(np.argmin(far)) if min(far) <= FAR * size else None


def _orders(values: Any, config: Any) -> Iterator[Any]:
    """As they are, and with the halves of each head's rows in turns."""
    yield values
    for heads in (config.num_attention_heads, getattr(config, "num_key_value_heads", None)):
        if heads and values.shape[0] % (2 * heads) == 0:
            parted = values.reshape(heads, 2, values.shape[0] // heads // 2, -1)
            yield parted.swapaxes(1, 2).reshape(values.shape)
        else:
            yield values


def _write_gguf(model: Any, places: dict[str, tuple[str, int]], like: Path, target: Path) -> None:
    """All but the weights as the file has it; matrices as Q8_0 where they fit, vectors as f32."""
    gguf = needed("gguf")
    reader = gguf.GGUFReader(like)
    state = model.state_dict()
    with replacing(target) as part:
        writer = gguf.GGUFWriter(part, arch=reader.get_field("general.architecture").contents())
        _copy_settings(gguf, reader, writer)
        for called, (name, order) in places.items():
            _add(gguf, writer, called, list(_orders(_numbers(state[name]), model.config))[order])
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


def _add(gguf: Any, writer: Any, name: str, values: Any) -> None:
    values = np.ascontiguousarray(values, np.float32)
    q8 = gguf.GGMLQuantizationType.Q8_0
    if values.ndim == 1:
        writer.add_tensor(name, values)
    elif values.shape[-1] % 32 == 0:
        writer.add_tensor(name, gguf.quantize(values, q8), raw_dtype=q8)
    else:
        writer.add_tensor(name, values.astype(np.float16))


def _copy_settings(gguf: Any, reader: Any, writer: Any) -> None:
    for field in reader.fields.values():
        if field.name == "general.file_type":
            writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
        elif not field.name.startswith("GGUF.") and field.name != "general.architecture":
            kind, *inner = field.types
            writer.add_key_value(field.name, field.contents(), kind, sub_type=inner[-1] if inner else None)
