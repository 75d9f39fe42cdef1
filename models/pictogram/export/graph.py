"""From a torch module to an ONNX graph whose weights keep their state_dict names (`models/shared/onnx_graph.py`).

The weights become float32 initializers stored as external data in `weights.bin`.
That file is never shipped: the pack holds float16 safetensors of the same names, and the
browser lays the bytes out by the offsets listed in the manifest.
"""

from __future__ import annotations

import copy
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch

sys.path.append(str(Path(__file__).resolve().parents[2]))
from shared import onnx_graph  # noqa: E402
from shared.onnx_graph import ALIGNMENT, OPSET, file_entry  # noqa: E402, F401

WEIGHTS_FILE = "weights.bin"
"""Location written into the graph; the browser hands ORT a buffer under this name."""


@dataclass(frozen=True)
class Port:
    """One graph input or output; a string in `dims` is a free dimension."""

    name: str
    dtype: str
    dims: tuple[str | int, ...]

    def row(self) -> dict:
        return {"name": self.name, "dtype": self.dtype, "dims": list(self.dims)}


@dataclass
class Exported:
    """A graph without weight bytes, the weights (float16), and where each one belongs."""

    model: onnx.ModelProto
    weights: dict[str, np.ndarray]
    tensors: list[dict]
    bytes: int
    inputs: list[Port]
    outputs: list[Port]


def with_forward(module: torch.nn.Module, forward) -> torch.nn.Module:
    """A copy of `module`, weights included, whose forward is `forward(self, …)`; names stay as they are."""
    return onnx_graph.with_forward(copy.deepcopy(module), forward)


def round_to_half(module: torch.nn.Module) -> torch.nn.Module:
    """Round every float weight to float16 and back, in place: the values a reader of the pack sees."""
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point():
            half = tensor.half()
            if not torch.isfinite(half).all():
                raise SystemExit(f"Weight {name} does not fit into float16 or is not finite; the checkpoint is broken.")
            tensor.copy_(half.float())
    return module


def _ports(values) -> list[Port]:
    kinds = {onnx.TensorProto.FLOAT: "float32", onnx.TensorProto.INT64: "int64"}
    ports = []
    for value in values:
        tensor = value.type.tensor_type
        dims = tuple("batch" if d.dim_param else d.dim_value for d in tensor.shape.dim)
        ports.append(Port(value.name, kinds[tensor.elem_type], dims))
    return ports


def export_module(module: torch.nn.Module, example: dict[str, torch.Tensor], outputs: list[str]) -> Exported:
    """Export `module(**example)`; the first dimension of every input and output is `batch`.

    `example` needs a batch of at least 2. Weights are those of `module.state_dict()`; a weight
    the graph does not use, or one stored under a foreign name, is an error.
    """
    module = round_to_half(copy.deepcopy(module)).eval()
    state = {k: v for k, v in module.state_dict().items() if v.is_floating_point()}
    model = onnx_graph.translate(module, example, outputs)
    weights = {i.name: i for i in model.graph.initializer if i.name in state}
    missing = sorted(set(state) - set(weights))
    if missing:
        raise SystemExit(f"Export lost the weight {missing[0]} ({len(missing)} in all); the graph no longer matches the state_dict.")
    model = onnx_graph.simplify(model, weights)
    used = {name for node in model.graph.node for name in node.input}
    unused = sorted(set(weights) - used)
    if unused:
        raise SystemExit(f"Weight {unused[0]} is not used by the exported graph; remove it from the module first.")
    tensors, offset, arrays = [], 0, {}
    for name in sorted(state):
        value = state[name].detach().cpu().contiguous()
        length = value.numel() * 4
        tensors.append({"name": name, "dims": list(value.shape), "offset": offset, "length": length})
        onnx_graph.add_external(model, name, onnx.TensorProto.FLOAT, list(value.shape), WEIGHTS_FILE, offset, length)
        arrays[name] = value.half().numpy()
        offset += -(-length // ALIGNMENT) * ALIGNMENT
    onnx_graph.strip(model, "pictogram")
    return Exported(model, arrays, tensors, offset, _ports(model.graph.input), _ports(model.graph.output))


def lay_out(weights: dict[str, np.ndarray], tensors: list[dict], size: int) -> np.ndarray:
    """The float32 bytes of `weights.bin` (uint8, length `size`), as the browser builds them."""
    data = np.zeros(size, np.uint8)
    for row in tensors:
        value = np.ascontiguousarray(weights[row["name"]], np.float32)
        if list(value.shape) != row["dims"]:
            raise SystemExit(f"Weight {row['name']} has shape {list(value.shape)}, the graph wants {row['dims']}.")
        data[row["offset"]:row["offset"] + row["length"]] = value.reshape(-1).view(np.uint8)
    return data
