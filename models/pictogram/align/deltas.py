"""Adapters on disk: changed tensors (W′ − W) and LoRA, as safetensors of float32.

Delta files: key = diffusers tensor name, value = W′ − W. LoRA files: PEFT keys
`unet.<path>.lora_A.weight` (r, in) and `…lora_B.weight` (out, r), metadata `lora_alpha`; `text_encoder.` for that network.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from storage import write_whole

LORA_RANK = 8
LORA_ALPHA = 16


def state_of(model) -> dict[str, torch.Tensor]:
    """A detached copy of all weights."""
    return {k: v.detach().clone() for k, v in model.state_dict().items()}


def sort_metadata(path: Path) -> None:
    """Rewrite a safetensors header with sorted metadata; the library orders it by chance, and hashes would differ."""
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + size])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + size:])


def _write(path: Path, tensors: dict, metadata: dict) -> None:
    def write(temporary: Path) -> None:
        save_file(tensors, temporary, metadata=metadata)
        sort_metadata(temporary)
    write_whole(path, write)


def save_delta(path: Path, before: dict, after: dict, about: dict) -> None:
    """Write the tensors that changed; `about` (strings) goes into the metadata."""
    changed = {k: (after[k] - before[k]).float().contiguous() for k in before if not torch.equal(after[k], before[k])}
    if not changed:
        raise SystemExit(f"Nothing changed for {path.stem}; check its settings in align/stage.py or align/finetune.py.")
    metadata = {"kind": "delta", "about": json.dumps(about, sort_keys=True)}
    _write(path, changed, metadata)


def save_lora(path: Path, state: dict, about: dict, rank: int = LORA_RANK, alpha: float = LORA_ALPHA, network: str = "unet") -> None:
    """Write PEFT's adapter state (keys `<path>.lora_A.weight`) with the network's prefix."""
    named = {f"{network}.{k}": v.detach().float().contiguous() for k, v in state.items()}
    metadata = {"kind": "lora", "lora_alpha": str(alpha), "r": str(rank), "about": json.dumps(about, sort_keys=True)}
    _write(path, named, metadata)


@torch.no_grad()
def apply(model, path: Path) -> None:
    """Merge a delta or LoRA file into the model's weights; an unmatched key is an error."""
    if not path.exists():
        raise SystemExit(f"The adapter {path.name} is missing in {path.parent.name}; run `make.py` (its stages align and finetune) first.")
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    tensors, weights = load_file(path), dict(model.named_parameters())
    if metadata["kind"] == "delta":
        for name, value in tensors.items():
            _weight(weights, name, path).add_(value)
        return
    scale = float(metadata["lora_alpha"]) / float(metadata["r"])
    for name, down in tensors.items():
        if name.endswith(".lora_A.weight"):
            up = tensors[name.replace("lora_A", "lora_B")]
            target = name.removeprefix("unet.").replace(".lora_A.weight", ".weight")
            _weight(weights, target, path).add_(scale * up @ down)


def _weight(weights: dict, name: str, path: Path) -> torch.Tensor:
    if name not in weights:
        raise SystemExit(f"The adapter {path.name} has the key {name}, which the U-Net lacks; make it again with this U-Net.")
    return weights[name]
