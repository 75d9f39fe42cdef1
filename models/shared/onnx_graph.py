"""From a torch module to an ONNX graph whose weights keep their state_dict names and are stored outside it.

Names matter: a LoRA or an erased layer finds its weight by name, and the browser merges it by replacing bytes of the
external data. So the exporter runs without optimisation (`optimize=False`: otherwise linear weights are renamed and
transposed), and the graph is simplified while every weight is an input, which no pass can fold.
"""

from __future__ import annotations

import copy
import hashlib
import logging
import warnings
from collections.abc import Collection
from pathlib import Path

import onnx
import torch
from onnxscript import optimizer

OPSET = 18
ALIGNMENT = 64
"""Bytes: every tensor starts on such a boundary, so that typed arrays can view it in place."""


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


def simplify(model: onnx.ModelProto, names: Collection[str]) -> onnx.ModelProto:
    """Folds shapes and constants; the weights called `names` are inputs meanwhile, hence untouchable."""
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


def strip(model: onnx.ModelProto, producer: str) -> None:
    """Removes what is only for debugging: it would leak paths and change hashes."""
    model.doc_string = model.graph.doc_string = ""
    model.producer_name, model.producer_version = producer, ""
    del model.metadata_props[:], model.graph.metadata_props[:], model.graph.value_info[:], model.functions[:]
    for node in model.graph.node:
        node.name = node.doc_string = ""
        del node.metadata_props[:]
    for value in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        value.doc_string = ""
        del value.metadata_props[:]


def add_external(model: onnx.ModelProto, name: str, kind: int, dims: list[int], location: str, offset: int, length: int) -> None:
    """Adds the weight `name`, whose `length` bytes are stored at `offset` of the file `location`; `kind` is a TensorProto type."""
    initializer = onnx.TensorProto(name=name, data_type=kind, dims=dims, data_location=onnx.TensorProto.EXTERNAL)
    for key, value in (("location", location), ("offset", offset), ("length", length)):
        initializer.external_data.add(key=key, value=str(value))
    model.graph.initializer.append(initializer)


def file_entry(root: Path, path: Path) -> dict:
    """`File` of a manifest: path relative to `root`, size in bytes and SHA-256, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 24):
            digest.update(piece)
    return {"path": path.relative_to(root).as_posix(), "bytes": path.stat().st_size, "sha256": digest.hexdigest()}
