"""From a torch module to an ONNX graph whose weights keep their state_dict names.

The graph is made by torch's exporter without optimisation and then simplified with every
weight standing as a graph *input*, so that no pass can fold, rename or transpose one.
Afterwards the weights become float32 initializers stored as external data in `weights.bin`.
That file is never shipped: the pack holds float16 safetensors of the same names, and the
browser lays the bytes out by the offsets listed in the manifest.
"""

from __future__ import annotations

import copy
import logging
import warnings
from dataclasses import dataclass

import numpy as np
import onnx
import torch
from onnxscript import optimizer

OPSET = 18
WEIGHTS_FILE = "weights.bin"
"""Location written into the graph; the browser hands ORT a buffer under this name."""
ALIGNMENT = 64
"""Bytes: every tensor starts on such a boundary, so typed arrays can view it in place."""


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
    """A copy of `module` whose forward is `forward(self, …)`; parameter names stay as they are."""
    clone = copy.deepcopy(module).eval()
    clone.__class__ = type(f"Exportable{type(module).__name__}", (type(module),), {"forward": forward})
    return clone


def round_to_half(module: torch.nn.Module) -> torch.nn.Module:
    """Round every float weight to float16 and back, in place: the values a reader of the pack sees."""
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point():
            half = tensor.half()
            if not torch.isfinite(half).all():
                raise SystemExit(f"Weight {name} does not fit into float16 or is not finite; the checkpoint is broken.")
            tensor.copy_(half.float())
    return module


def _translate(module, example: dict[str, torch.Tensor], outputs: list[str]) -> onnx.ModelProto:
    batch = torch.export.Dim("batch", min=1, max=1024)
    shapes = {name: {0: batch} for name in example}
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            module, kwargs=example, dynamo=True, optimize=False, opset_version=OPSET, verbose=False,
            input_names=list(example), output_names=outputs, dynamic_shapes=shapes,
        )
    return program.model_proto


def _simplify(model: onnx.ModelProto, weights: dict[str, onnx.TensorProto]) -> onnx.ModelProto:
    """Fold shapes and constants while the weights are inputs, hence untouchable."""
    kept = [i for i in model.graph.initializer if i.name not in weights]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    known = {i.name for i in model.graph.input}
    for name, tensor in weights.items():
        if name not in known:
            model.graph.input.append(onnx.helper.make_tensor_value_info(name, tensor.data_type, tensor.dims))
    model = optimizer.optimize(model, num_iterations=3, onnx_shape_inference=True)
    real = [i for i in model.graph.input if i.name not in weights]
    del model.graph.input[:]
    model.graph.input.extend(real)
    return model


def _strip(model: onnx.ModelProto) -> None:
    """Remove everything that is only for debugging: it would leak paths and change hashes."""
    model.doc_string = model.graph.doc_string = ""
    model.producer_name, model.producer_version = "pictogram", ""
    del model.metadata_props[:], model.graph.metadata_props[:], model.graph.value_info[:], model.functions[:]
    for node in model.graph.node:
        node.name = node.doc_string = ""
        del node.metadata_props[:]
    for value in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        value.doc_string = ""
        del value.metadata_props[:]


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
    model = _translate(module, example, outputs)
    weights = {i.name: i for i in model.graph.initializer if i.name in state}
    missing = sorted(set(state) - set(weights))
    if missing:
        raise SystemExit(f"Export lost the weight {missing[0]} ({len(missing)} in all); the graph no longer matches the state_dict.")
    model = _simplify(model, weights)
    used = {name for node in model.graph.node for name in node.input}
    unused = sorted(set(weights) - used)
    if unused:
        raise SystemExit(f"Weight {unused[0]} is not used by the exported graph; remove it from the module first.")
    tensors, offset, arrays = [], 0, {}
    for name in sorted(state):
        value = state[name].detach().cpu().contiguous()
        length = value.numel() * 4
        tensors.append({"name": name, "dims": list(value.shape), "offset": offset, "length": length})
        initializer = onnx.TensorProto(name=name, data_type=onnx.TensorProto.FLOAT, dims=list(value.shape))
        initializer.data_location = onnx.TensorProto.EXTERNAL
        for key, text in (("location", WEIGHTS_FILE), ("offset", str(offset)), ("length", str(length))):
            initializer.external_data.add(key=key, value=text)
        model.graph.initializer.append(initializer)
        arrays[name] = value.half().numpy()
        offset += -(-length // ALIGNMENT) * ALIGNMENT
    _strip(model)
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
