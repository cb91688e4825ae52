"""Models to tune: from a folder, by their name, or dequantised from a GGUF file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import Misuse, UnusableInput
from ..plugins import require

__all__ = ["adapted", "layers_of", "loaded", "needed", "processes"]

WHAT = "Fine-tuning"


def needed(module: str) -> Any:
    """A package of the extra `training`, or the command that brings it."""
    return require(module, WHAT, "training")


def processes() -> Any:
    """The processes of this run, as `accelerate launch` or `torchrun` began them.

    On processors it must be said: without a GPU each of them would think that it is alone.
    """
    torch, accelerate = needed("torch"), needed("accelerate")
    return accelerate.Accelerator(cpu=not torch.accelerator.is_available())


def loaded(name: str) -> tuple[Any, Any]:
    """The model in single precision, and its tokenizer.

    Raises `UnusableInput` where there is no such model, `MissingExtra` without the extra.
    """
    torch, transformers = needed("torch"), needed("transformers")
    path = Path(name)
    where: dict[str, Any] = {}
    if path.suffix == ".gguf":
        if not path.is_file():
            raise UnusableInput(f"Expected a GGUF file at {path}; there is none. Check the path.")
        needed("gguf")
        name, where = str(path.parent), {"gguf_file": path.name}
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(name, **where)
        model = transformers.AutoModelForCausalLM.from_pretrained(name, dtype=torch.float32, **where)
    except (OSError, ValueError, KeyError) as error:
        raise UnusableInput(
            f"Expected a causal language model at {path}: a folder, a GGUF file or a name on the hub; {error}"
        ) from error
    if where:  # so that it can be saved: what was quantised is plain now
        model.hf_quantizer, model.is_quantized = None, False
        del model.config.quantization_config
    return model, tokenizer


def layers_of(model: Any) -> Any:
    """The layers of a model, from its input to its output; raises `UnusableInput` where they are not told apart."""
    for _, module in model.named_modules():
        if type(module).__name__ == "ModuleList" and len(module) == model.config.num_hidden_layers:
            return module
    raise UnusableInput(
        f"The layers of {type(model).__name__} are not in one list, so the last of them cannot be tuned alone: leave "
        "--top out."
    )


def adapted(model: Any, *, rank: int, alpha: int, dropout: float, layers: str, top: int | None = None) -> Any:
    """The model with LoRA weights to train, and its own held still; raises `Misuse` where no layer is called so.

    With `top` only the last so many layers get them.
    """
    peft = needed("peft")
    wanted = layers if layers == "all-linear" else [one.strip() for one in layers.split(",") if one.strip()]
    if top is not None:
        wanted = _within(model, layers_of(model), wanted, top)
    config = peft.LoraConfig(
        task_type="CAUSAL_LM",
        r=rank,
        lora_alpha=alpha,
        lora_dropout=dropout,
        target_modules=wanted,
        bias="none",
    )
    try:
        return peft.get_peft_model(model, config)
    except ValueError as error:
        raise Misuse(f"--layers {layers}: {error}") from error


def _within(model: Any, layers: Any, wanted: str | list[str], top: int) -> list[str]:
    """The whole names of the modules that are wanted in the last `top` layers."""
    if not top <= len(layers):
        raise Misuse(f"Expected --top of at most {len(layers)}, the layers of the model; got {top}.")
    linear = needed("torch").nn.Linear
    inside = {
        id(module) for layer in layers[-top:] for module in layer.modules() if isinstance(module, linear)
    }
    return [
        name
        for name, module in model.named_modules()
        if id(module) in inside
        and (isinstance(wanted, str) or name.endswith(tuple(f".{one}" for one in wanted)))
    ] or [f"{one} in the last {top} layers" for one in wanted]
