"""How `src/calibrant/answers/minilm.onnx` was made: the graph of all-MiniLM-L6-v2, without its weights.

    python benchmarks/minilm_graph.py FOLDER OUT      # transformers 4.30, torch 1.13, onnx 1.16
    python benchmarks/minilm_graph.py --quick

FOLDER holds the model's `config.json` and `model.safetensors`. The graph (150 kB) takes the weights from that very
file, by their places in it: no other library has to load them, and nothing but the graph has to travel. With `--quick`
the graph that is kept compares two sentences by the weights of the installed model.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from calibrant.answers.likeness import Likeness

INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("out", nargs="?", type=Path)
    parser.add_argument(
        "--quick", action="store_true", help="only whether the graph that is kept still works"
    )
    return parser


def main() -> None:
    parser = options()
    given = parser.parse_args()
    if given.quick:
        alike = Likeness()
        near, far = (
            alike.cosine("A cat sat on the mat.", other) for other in ("A kitten sat down.", "Shares fell.")
        )
        print(f"cosines {near:.2f} and {far:.2f}")
        assert near > far
    elif given.out is None:
        parser.error("name the folder of the model and the file to write")
    else:
        export(given.folder, given.out)


def export(folder: Path, out: Path) -> None:
    import onnx
    import torch
    from transformers import BertModel

    model = BertModel.from_pretrained(str(folder), add_pooling_layer=False).eval()
    ones = torch.ones(1, 7, dtype=torch.int64)
    torch.onnx.export(
        model, (ones, ones, 0 * ones), str(out), input_names=list(INPUTS), output_names=["last_hidden_state"],
        dynamic_axes={name: {0: "texts", 1: "pieces"} for name in (*INPUTS, "last_hidden_state")},
        opset_version=14, do_constant_folding=False,
    )  # fmt: skip
    graph = onnx.load(str(out))
    weights = (folder / "model.safetensors").read_bytes()
    begin = 8 + int.from_bytes(weights[:8], "little")
    places = json.loads(weights[8:begin])
    for tensor in graph.graph.initializer:
        start, end = (begin + at for at in places[tensor.name]["data_offsets"])
        assert tensor.raw_data == weights[start:end], tensor.name
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        for key, value in {"location": "model.safetensors", "offset": start, "length": end - start}.items():
            tensor.external_data.add(key=key, value=str(value))
    out.write_bytes(graph.SerializeToString())


if __name__ == "__main__":
    main()
