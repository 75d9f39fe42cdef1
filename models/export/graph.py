"""From a torch module to an ONNX graph whose weights keep their state_dict names and lie outside it, in shards.

Names matter: a LoRA or an erased layer finds its weight by name, and the browser merges it by replacing bytes of the
external data. So the exporter runs without optimisation (`optimize=False`: otherwise linear weights are renamed and
transposed), and the graph is simplified while every weight stands as an input, which no pass can fold.
"""

from __future__ import annotations

import copy
import hashlib
import logging
import warnings
from collections.abc import Callable
from pathlib import Path

import onnx
import torch
from onnxscript import optimizer

OPSET = 18
SHARD_BYTES = 1_900_000_000
"""A browser's ArrayBuffer ends at 2 GB, and so does a protobuf."""
ALIGNMENT = 64
"""Bytes: every tensor starts on such a boundary, so that typed arrays can view it in place."""
KINDS = {torch.float32: onnx.TensorProto.FLOAT, torch.float16: onnx.TensorProto.FLOAT16, torch.int64: onnx.TensorProto.INT64, torch.uint8: onnx.TensorProto.UINT8}
NAMES = {torch.float32: "float32", torch.float16: "float16", torch.int64: "int64", torch.uint8: "uint8"}


def with_forward(module: torch.nn.Module, forward) -> torch.nn.Module:
    """A shallow copy of `module` whose forward is `forward(self, …)`; parameters are shared and keep their names."""
    clone = copy.copy(module)
    clone.__class__ = type(f"Exportable{type(module).__name__}", (type(module),), {"forward": forward})
    return clone.eval()


def translate(module: torch.nn.Module, example: dict[str, torch.Tensor], outputs: list[str]) -> onnx.ModelProto:
    """torch's exporter without optimisation; the first dimension of inputs with more than one row is free."""
    batch = torch.export.Dim("batch", min=1, max=1024)
    shapes = {name: {0: batch} if value.dim() > 0 and len(value) > 1 else None for name, value in example.items()}
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            module, kwargs=example, dynamo=True, optimize=False, opset_version=OPSET, verbose=False,
            input_names=list(example), output_names=outputs, dynamic_shapes=shapes)
    return program.model_proto


def simplify(model: onnx.ModelProto, names: set[str]) -> onnx.ModelProto:
    """Folds shapes and constants; the weights called `names` stand as inputs meanwhile."""
    kept = [i for i in model.graph.initializer if i.name not in names]
    weights = [i for i in model.graph.initializer if i.name in names]
    infos = [onnx.helper.make_tensor_value_info(i.name, i.data_type, i.dims) for i in weights]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    known = {i.name for i in model.graph.input}
    model.graph.input.extend(info for info in infos if info.name not in known)
    model = optimizer.optimize(model, num_iterations=3, onnx_shape_inference=True)
    real = [i for i in model.graph.input if i.name not in names]
    del model.graph.input[:]
    model.graph.input.extend(real)
    return model


def strip(model: onnx.ModelProto) -> None:
    """Removes what is only for debugging: it would leak paths and change hashes."""
    model.doc_string = model.graph.doc_string = ""
    model.producer_name, model.producer_version = "spqr-web", ""
    del model.metadata_props[:], model.graph.metadata_props[:], model.graph.value_info[:], model.functions[:]
    for node in model.graph.node:
        node.name = node.doc_string = ""
        del node.metadata_props[:]
    for value in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        value.doc_string = ""
        del value.metadata_props[:]
    for value in (*model.graph.input, *model.graph.output):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param:
                dim.dim_param = "batch"


def place(model: onnx.ModelProto, state: dict[str, torch.Tensor], file: Path, shard_bytes: int) -> list[dict]:
    """Writes the weights behind `file` (`model.onnx_data`, `model.onnx_data_1` …) and points the graph there.

    Answers one row per weight: {name, dims, dtype, location, offset, length}.
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
        initializer = onnx.TensorProto(name=name, data_type=KINDS[value.dtype], dims=row["dims"], data_location=onnx.TensorProto.EXTERNAL)
        for key in ("location", "offset", "length"):
            initializer.external_data.add(key=key, value=str(row[key]))
        model.graph.initializer.append(initializer)
    if out is not None:
        out.close()
    return rows


def write_graph(module: torch.nn.Module, example: dict[str, torch.Tensor], outputs: list[str], file: Path, shard_bytes: int = SHARD_BYTES,
                change: Callable[[onnx.ModelProto, dict[str, torch.Tensor]], object] | None = None) -> list[dict]:
    """Exports `module(**example)` to `file` and its weights beside it; answers where each weight lies.

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
    strip(model)
    file.write_bytes(model.SerializeToString(deterministic=True))
    return rows


def file_entry(root: Path, path: Path) -> dict:
    """Path relative to `root`, size in bytes and SHA-256, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 24):
            digest.update(piece)
    return {"path": path.relative_to(root).as_posix(), "bytes": path.stat().st_size, "sha256": digest.hexdigest()}
