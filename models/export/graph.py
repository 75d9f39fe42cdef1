"""From a torch module to an ONNX graph whose weights keep their state_dict names and are stored beside it, in shards."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import onnx
import torch

sys.path.append(str(Path(__file__).resolve().parents[1]))
from shared.onnx_graph import ALIGNMENT, add_external, file_entry, simplify, strip, translate, with_forward  # noqa: E402, F401

PRODUCER = "spqr-web"
SHARD_BYTES = 1_900_000_000
"""A browser's ArrayBuffer ends at 2 GB, and so does a protobuf."""
KINDS = {torch.float32: onnx.TensorProto.FLOAT, torch.float16: onnx.TensorProto.FLOAT16, torch.int64: onnx.TensorProto.INT64, torch.uint8: onnx.TensorProto.UINT8}
NAMES = {torch.float32: "float32", torch.float16: "float16", torch.int64: "int64", torch.uint8: "uint8"}


def name_batch(model: onnx.ModelProto) -> None:
    """Every free dimension of inputs and outputs is called `batch`."""
    for value in (*model.graph.input, *model.graph.output):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param:
                dim.dim_param = "batch"


def place(model: onnx.ModelProto, state: dict[str, torch.Tensor], file: Path, shard_bytes: int) -> list[dict]:
    """Writes the weights behind `file` (`model.onnx_data`, `model.onnx_data_1` …) and points the graph there.

    Returns one row per weight: {name, dims, dtype, location, offset, length}.
    """
    rows, shard, offset, out = [], 0, 0, None
    for name in sorted(state):
        value = state[name].detach().cpu().contiguous()
        data = value.numpy().tobytes()
        if out is None or (offset > 0 and offset + len(data) > shard_bytes):
            if out is not None:
                out.close()
                shard, offset = shard + 1, 0
            location = f"{file.name}_data" + (f"_{shard}" if shard else "")
            out = (file.parent / location).open("wb")
        row = {"name": name, "dims": list(value.shape), "dtype": NAMES[value.dtype], "location": location, "offset": offset, "length": len(data)}
        rows.append(row)
        out.write(data)
        padding = -len(data) % ALIGNMENT
        out.write(bytes(padding))
        offset += len(data) + padding
        add_external(model, name, KINDS[value.dtype], row["dims"], row["location"], row["offset"], row["length"])
    if out is not None:
        out.close()
    return rows


def write_graph(module: torch.nn.Module, example: dict[str, torch.Tensor], outputs: list[str], file: Path, shard_bytes: int = SHARD_BYTES,
                change: Callable[[onnx.ModelProto, dict[str, torch.Tensor]], object] | None = None) -> list[dict]:
    """Exports `module(**example)` to `file` and its weights beside it; returns where each weight is stored.

    `change` may replace nodes of the graph and weights of the state before they are written.
    """
    state = {k: v for k, v in module.state_dict().items() if v.is_floating_point()}
    model = translate(module, example, outputs)
    # A weight that the graph shares under another name, or never reads, cannot be found again by a LoRA.
    found = {i.name for i in model.graph.initializer}
    lost = sorted(set(state) - found)
    if lost:
        raise SystemExit(f"Export lost the weight {lost[0]} ({len(lost)} in all); the graph no longer matches the checkpoint.")
    model = simplify(model, set(state))
    used = {name for node in model.graph.node for name in node.input}
    state = {name: value for name, value in state.items() if name in used}
    if change is not None:
        change(model, state)
    file.parent.mkdir(parents=True, exist_ok=True)
    rows = place(model, state, file, shard_bytes)
    strip(model, PRODUCER)
    name_batch(model)
    file.write_bytes(model.SerializeToString(deterministic=True))
    return rows
