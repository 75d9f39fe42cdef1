"""The exported graphs against the modules they came from, in onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import torch

from components import Part

TOLERANCE = {torch.float32: 2e-4, torch.float16: 5e-2}
"""Largest difference to torch, relative to the largest output, by the type of the arithmetic."""
HALF_PORTS = 2e-3
"""The same for float32 arithmetic behind half-precision ports: twice the rounding of an output."""


def session(file: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def inputs_of(part: Part) -> dict[str, torch.Tensor]:
    """The example with one row more than was traced."""
    return {name: torch.cat([value, value[:1]]) if len(value) > 1 else value for name, value in part.example.items()}


@torch.no_grad()
def output(part: Part) -> torch.Tensor:
    return part.module(**inputs_of(part)).float()


def difference(part: Part, file: Path) -> float:
    """max |torch − onnxruntime| / max |torch|."""
    got = session(file).run(part.outputs, {name: value.numpy() for name, value in inputs_of(part).items()})[0].astype(np.float32)
    wanted = output(part).numpy()
    return float(np.abs(got - wanted).max() / np.abs(wanted).max())


def assert_equal(part: Part, file: Path, inside: torch.dtype) -> float:
    """Refuses a graph that computes something else; returns the relative difference."""
    found = difference(part, file)
    half = any(value.dtype == torch.float16 for value in part.example.values())
    allowed = max(TOLERANCE[inside], HALF_PORTS if half else 0)
    if not found < allowed:
        raise SystemExit(f"{file} differs from torch by {found:.1e} of the largest output, allowed are {allowed:.0e}; do not publish it.")
    return found
