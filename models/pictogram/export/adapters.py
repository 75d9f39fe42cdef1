"""Adapters at rest: deltas as int8 with one scale per output row, LoRA as float16.

Names in <cache>/adapters say what a file is: `<method>.safetensors` is an alignment,
`<method>-<profile>-<scenario>.safetensors` a benign fine-tune on top of it.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from align.deltas import sort_metadata
from config import HERE, Config
from export.pack import file_entry

PROFILES = ("lite", "moderate", "standard")
SCENARIOS = ("general", "multilingual", "domain")
DEMO_METHODS = ("esd-x", "uce", "rece", "spm")
"""What the page must offer without training, the default first."""
BESIDE = HERE / "adapters"
"""Alignments too large for the pack, in its format: the study reads them, and the page takes them as the user's own files."""
LATER = ("safe-clip", "safer-clip", "saferedir", "resalign", "promptsafe")
"""Alignments that `alignments.json` describes beside the manifest, whose hash they leave alone (`export.alignments`)."""
NEGLIGIBLE = 1e-7
"""A tensor that changed by less everywhere is left out."""


def identity(name: str) -> dict:
    """What a file name says: method, profile, scenario, and the alignment below."""
    parts = name.split("-")
    if len(parts) >= 3 and parts[-2] in PROFILES and parts[-1] in SCENARIOS:
        method = "-".join(parts[:-2])
        on = None if method in ("base", "none") else method
        return {"id": name, "role": "fine-tune", "method": method, "profile": parts[-2], "scenario": parts[-1], "on": on}
    return {"id": name, "role": "alignment", "method": name, "profile": None, "scenario": None, "on": None}


def quantise(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """W′ − W per tensor → int8 values and float32 `.scale` per output row (symmetric, largest value = 127)."""
    packed = {}
    for name, value in tensors.items():
        if np.abs(value).max() <= NEGLIGIBLE:
            continue
        rows = value.reshape(len(value), -1).astype(np.float32)
        scale = np.maximum(np.abs(rows).max(1), 1e-12) / 127
        packed[name] = np.clip(np.round(rows / scale[:, None]), -127, 127).astype(np.int8).reshape(value.shape)
        packed[f"{name}.scale"] = scale.astype(np.float32)
    return packed


def write_adapter(source: Path, root: Path, graph: bytes | None = None) -> dict:
    """Write one adapter into the pack and return its manifest row; `graph` is the text graph that a soft prompt brings along."""
    with safe_open(source, "np") as file:
        metadata = file.metadata() or {}
    tensors = load_file(source)
    broken = next((k for k, v in tensors.items() if not np.isfinite(v).all()), None)
    if broken:
        raise SystemExit(f"Adapter {source.name}: the tensor {broken} is not finite; its training went wrong, run that stage again.")
    kind = metadata.get("kind")
    target = root / "adapters" / source.name
    target.parent.mkdir(parents=True, exist_ok=True)
    if kind == "soft-prompt":
        encoder = file_entry(root, root / "text_encoder" / "model.safetensors")["sha256"]
        halves = {k: v.astype(np.float16) for k, v in tensors.items()}
        save_file({**halves, "graph": np.frombuffer(graph, np.uint8)}, target, metadata={"format": kind, "text_encoder": encoder})
        sort_metadata(target)
    elif kind in ("lora", "redirector"):
        keep = {k: v for k, v in metadata.items() if k in ("lora_alpha", "r", "scale")}
        save_file({k: v.astype(np.float16) for k, v in tensors.items()}, target, metadata={"format": kind, **keep})
        sort_metadata(target)
    else:
        save_file(quantise(tensors), target, metadata={"format": "delta-int8"})
    about = json.loads(metadata.get("about", "{}"))
    about = {k: v for k, v in about.items() if k not in ("method", "profile", "scenario")}
    print(f"adapter {source.stem}: {target.stat().st_size / 1e6:.2f} MB", flush=True)
    return {**identity(source.stem), "format": kind if kind in ("lora", "redirector", "soft-prompt") else "delta-int8", "file": file_entry(root, target), "settings": about}


def urgency(name: str) -> tuple:
    """Sorts candidates: the demo's alignments, their lite general fine-tunes, the default's standard one, then the rest."""
    about = identity(name)
    demo = DEMO_METHODS.index(about["method"]) if about["method"] in DEMO_METHODS else len(DEMO_METHODS)
    if about["role"] == "alignment":
        return (0 if demo < len(DEMO_METHODS) else 7, demo, name)
    if about["scenario"] == "general":
        return ({"lite": 1, "moderate": 3, "standard": 2 if demo == 0 else 6}[about["profile"]], demo, name)
    return ({"lite": 4, "moderate": 5, "standard": 8}[about["profile"]], demo, name)


def set_aside(cfg: Config, file: Path, role: str) -> None:
    """Take an adapter out of the pack: an alignment goes beside the recipe, a fine-tune can be trained in the page."""
    if role == "alignment" and not cfg.smoke:
        BESIDE.mkdir(exist_ok=True)
        file.replace(BESIDE / file.name)
    else:
        file.unlink()


def write_adapters(cfg: Config, root: Path, budget: int, present: frozenset[str] | set[str] = frozenset()) -> list[dict]:
    """Write adapters in order of urgency while they fit into `budget` bytes; rows: alignments first, then by name.

    `present` names alignments that the pack holds already. What does not fit is not shipped.
    """
    sources = sorted((p for p in cfg.adapters.glob("*.safetensors") if p.stem not in LATER), key=lambda p: urgency(p.stem))
    rows, left = [], []
    for source in sources:
        row = write_adapter(source, root)
        below = row["on"] is None or row["on"] in present or any(r["id"] == row["on"] for r in rows)
        if below and row["file"]["bytes"] <= budget:
            budget -= row["file"]["bytes"]
            rows.append(row)
        else:
            set_aside(cfg, root / row["file"]["path"], row["role"])
            left.append(source.stem)
    if left:
        print(f"not shipped, for want of room: {', '.join(left)}", flush=True)
    return sorted(rows, key=lambda r: (r["role"], r["id"]))
