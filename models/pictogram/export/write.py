"""Writing the pack: components, hashes, checks against torch. Nothing here knows what a judge is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import torch
from safetensors.numpy import save_file

from export.components import Case
from export.graph import WEIGHTS_FILE, Exported, lay_out, round_to_half
from export.pack import file_entry

TOLERANCE = 2e-4
"""Largest difference allowed between torch and onnxruntime, relative to the largest output."""


def session(model: bytes, weights: np.ndarray, threads: int = 1) -> onnxruntime.InferenceSession:
    """A native session on a graph whose external data is in memory (uint8)."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    options.add_external_initializers_from_files_in_memory([WEIGHTS_FILE], [weights], [weights.nbytes])
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def largest_difference(case: Case, exported: Exported) -> float:
    """max |torch − onnxruntime| / max |torch| on a batch of another size than the traced one, float16-rounded weights."""
    inputs = {name: torch.cat([value, value.flip(0)]) for name, value in case.example.items()}
    run = session(exported.model.SerializeToString(), lay_out(exported.weights, exported.tensors, exported.bytes))
    got = run.run(case.outputs, {name: value.numpy() for name, value in inputs.items()})
    with torch.no_grad():
        wanted = round_to_half(case.module)(**inputs)
    wanted = wanted if isinstance(wanted, tuple) else (wanted,)
    return max(float(np.abs(g - w.numpy()).max() / np.abs(w.numpy()).max()) for g, w in zip(got, wanted))


def verified(case: Case, what: str) -> tuple[Exported, float]:
    """Export one module, and how far its graph is from torch; too far is an error."""
    exported = case.export()
    difference = largest_difference(case, exported)
    if not difference < TOLERANCE:
        raise SystemExit(f"The exported graph of {what} differs from torch by {difference:.2e}; it was not written.")
    return exported, difference


def write_component(root: Path, folder: str, case: Case) -> dict:
    """Export, verify and write one `Component`: model.onnx (graph only) and model.safetensors (float16)."""
    exported, difference = verified(case, folder)
    target = root / folder
    target.mkdir(parents=True, exist_ok=True)
    (target / "model.onnx").write_bytes(exported.model.SerializeToString(deterministic=True))
    save_file(exported.weights, target / "model.safetensors")
    count = sum(value.size for value in exported.weights.values())
    print(f"{folder}: {count:,} weights, {len(exported.model.graph.node)} nodes, difference to torch {difference:.1e}", flush=True)
    return {
        "graph": file_entry(root, target / "model.onnx"), "weights": file_entry(root, target / "model.safetensors"),
        "externalData": {"path": WEIGHTS_FILE, "bytes": exported.bytes, "tensors": exported.tensors},
        "inputs": [p.row() for p in exported.inputs], "outputs": [p.row() for p in exported.outputs],
    }
