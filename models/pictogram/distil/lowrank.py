"""One low-rank adapter under training: factors for every matrix and kernel of the U-Net, kept beside frozen weights."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from align.deltas import sort_metadata
from storage import write_whole


class LowRank:
    """A (r, n) and B (o, r) per weight; a batch runs on W = base + variant + B·A, written into the network in place."""

    def __init__(self, model: torch.nn.Module, base: dict[str, torch.Tensor], rank: int, seed: int):
        """B starts at 0 and A at random, so that the first composed network is the variant itself."""
        self.weights, self.base = dict(model.named_parameters()), base
        self.names = [n for n, w in self.weights.items() if w.dim() >= 2]
        chance = torch.Generator().manual_seed(seed)
        flat = {n: self.weights[n].detach().reshape(len(self.weights[n]), -1) for n in self.names}
        ranks = {n: min(rank, *w.shape) for n, w in flat.items()}
        self.down = {n: torch.randn(ranks[n], w.shape[1], generator=chance) / w.shape[1] ** 0.5 for n, w in flat.items()}
        self.up = {n: torch.zeros(len(w), ranks[n]) for n, w in flat.items()}

    def parameters(self) -> list[torch.Tensor]:
        """All A, then all B."""
        return [*self.down.values(), *self.up.values()]

    @torch.no_grad()
    def compose(self, change: dict[str, torch.Tensor]) -> None:
        """Write base + change + B·A into the network and forget its gradients."""
        for name, weight in self.weights.items():
            weight.grad = None
            value = self.base[name] + change[name] if name in change else self.base[name]
            if name in self.down:
                value = value + (self.up[name] @ self.down[name]).reshape(value.shape)
            weight.copy_(value)

    def pull(self) -> None:
        """Gradients of A and B from those of the composed weights."""
        for name in self.names:
            whole = self.weights[name].grad.reshape(len(self.up[name]), -1)
            self.down[name].grad, self.up[name].grad = self.up[name].T @ whole, whole @ self.down[name].T

    def save(self, path: Path, about: dict) -> None:
        """Float16, PEFT's names; kernels as A (r, i, h, w) and B (o, r, 1, 1). α is the largest rank."""
        found, rank = {}, max(len(v) for v in self.down.values())
        for name in self.names:
            module, shape = f"unet.{name.removesuffix('.weight')}", self.weights[name].shape
            down = self.down[name].detach()
            up = self.up[name].detach() * (len(down) / rank)
            found[f"{module}.lora_A.weight"] = down.reshape(-1, *shape[1:]).half().contiguous()
            found[f"{module}.lora_B.weight"] = up.reshape(*up.shape, *[1] * (len(shape) - 2)).half().contiguous()
        if not all(torch.isfinite(v).all() for v in found.values()):
            raise SystemExit("The accelerator does not fit into float16; train it again with a lower rate.")

        def write(temporary: Path) -> None:
            save_file(found, temporary, metadata={"format": "lora", "lora_alpha": str(rank), "r": str(rank), "about": json.dumps(about, sort_keys=True)})
            sort_metadata(temporary)
        write_whole(path, write)
