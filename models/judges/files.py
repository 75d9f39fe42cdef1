"""Writing a judge as a folder: ONNX graphs, other files and manifest.json, which names each with its size and SHA-256."""

from __future__ import annotations

import json
import logging
import sys
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch

sys.path.append(str(Path(__file__).resolve().parents[1]))
from shared.onnx_graph import OPSET, file_entry as entry  # noqa: E402

EXTERNAL_ABOVE = 1_500_000_000
"""Bytes of weights beyond which they go into a file beside the graph: a protobuf holds 2 GB."""


def graph_entry(root: Path, path: Path) -> dict:
    """A graph with the external data beside it, if it has any."""
    data = sorted(path.parent.glob(f"{path.name}_data*"))
    return {"onnx": entry(root, path), **({"data": [entry(root, one) for one in data]} if data else {})}


def export(module: torch.nn.Module, example: dict, path: Path, outputs: list[str], free: dict, names: list[str] | None = None) -> None:
    """
    Writes `module` as one ONNX file. `free`: per input, or per tensor of a list of them, the dimensions that may vary.
    `names`: of the inputs, where the example nests them.
    """
    path.parent.mkdir(parents=True, exist_ok=True)

    def vary(dims):
        return [vary(one) for one in dims] if dims and isinstance(dims[0], list) else {axis: torch.export.Dim.AUTO for axis in dims}

    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            module.eval(), kwargs=example, dynamo=True, optimize=True, opset_version=OPSET, verbose=False,
            input_names=names or list(example), output_names=outputs, dynamic_shapes={key: vary(free.get(key, [])) for key in example})
    large = sum(parameter.numel() * parameter.element_size() for parameter in module.parameters()) > EXTERNAL_ABOVE
    for node in program.model.graph:
        # Where each node came from in Python: paths of this machine, of no use to a reader.
        node.metadata_props.clear()
    if large:
        onnx.save_model(program.model_proto, path, save_as_external_data=True, location=f"{path.name}_data")
    else:
        program.save(path, external_data=False)


def run(path: Path, inputs: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """The graph's outputs by onnxruntime on the CPU."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = {port.name for port in session.get_inputs()}
    feeds = {name: tensor.numpy() for name, tensor in inputs.items() if name in names}
    return dict(zip([port.name for port in session.get_outputs()], session.run(None, feeds)))


def check(what: str, got: np.ndarray, wanted: torch.Tensor, tolerance: float = 1e-3) -> None:
    """Ends the script when the exported graph does not compute what PyTorch does, relative to the largest value."""
    want = wanted.detach().float().numpy()
    difference = float(np.abs(got - want).max() / max(1.0, float(np.abs(want).max()))) if got.shape == want.shape else float("inf")
    print(f"{what}: largest difference between the graph and PyTorch {difference:.1e}")
    if not difference <= tolerance:
        raise SystemExit(f"{what}: the exported graph differs from PyTorch by {difference:.1e}, more than {tolerance}. Nothing was published; report this with your versions of torch and onnx.")


def write_judge(root: Path, judge: dict) -> None:
    (root / "manifest.json").write_text(json.dumps(judge, ensure_ascii=False, indent=1) + "\n", "utf8")
    print(f"Wrote {root / 'manifest.json'}")
