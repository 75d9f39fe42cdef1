"""What every training stage shares: checkpoints that resume, learning rate, EMA, clear failures."""

from __future__ import annotations

import math
import time
from pathlib import Path

import torch

from config import Config
from storage import write_whole

MALLOC_TUNABLES = (
    "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=4000000000:"
    "glibc.malloc.trim_threshold=16000000000:glibc.malloc.top_pad=1000000000"
)
"""Keeps glibc from returning large tensors to the kernel after every op: up to 5 times faster on CPU."""


def prepare(cfg: Config, offset: int = 0) -> None:
    """Seed torch and set the thread count; `offset` gives each stage its own seed."""
    torch.manual_seed(cfg.seed + offset)
    torch.set_num_threads(cfg.threads)


def decay(step: int, steps: int, warmup: int = 100, tail: float = 0.4) -> float:
    """Learning-rate factor: linear warm-up, plateau, cosine to 2 % over the last `tail` of the run."""
    if step < min(warmup, steps // 10):
        return (step + 1) / min(warmup, steps // 10)
    start = steps * (1 - tail)
    if step <= start:
        return 1.0
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (step - start) / max(1, steps - start)))


def check_loss(value: float, stage: str, step: int) -> None:
    """Stop on NaN or infinity before it reaches a checkpoint."""
    if not math.isfinite(value):
        raise SystemExit(
            f"Training {stage} diverged: the loss is {value} at step {step}; start again to resume from the last checkpoint, "
            "with a lower learning rate if it happens twice."
        )


class Checkpoint:
    """State of one stage on disk, written every `seconds`; loading it continues the run."""

    def __init__(self, cfg: Config, stage: str):
        self.path, self.stage = cfg.checkpoints / f"{stage}.pt", stage
        self.seconds, self.last = cfg.checkpoint_seconds, time.time()
        self.begun, self.before = time.time(), 0.0

    def load(self) -> dict | None:
        """The saved state, or None when there is none."""
        if not self.path.exists():
            return None
        state = torch.load(self.path, weights_only=False)
        self.before = state.get("seconds", 0.0)
        print(f"{self.stage}: resuming at step {state['step']}", flush=True)
        return state

    def save_when_due(self, make_state, force: bool = False) -> bool:
        """Write make_state() if enough time has passed; True when written."""
        if not force and time.time() - self.last < self.seconds:
            return False
        state = {**make_state(), "seconds": self.elapsed()}
        write_whole(self.path, lambda p: torch.save(state, p))
        self.last = time.time()
        return True

    def elapsed(self) -> float:
        """Seconds spent on the stage, interrupted runs included."""
        return self.before + time.time() - self.begun

    def remove(self) -> None:
        """Forget the state: the stage is done."""
        self.path.unlink(missing_ok=True)


class Ema:
    """Exponential moving average of parameters, with a warm-up so that early weights are forgotten."""

    def __init__(self, parameters, rate: float = 0.999):
        self.parameters, self.rate, self.updates = list(parameters), rate, 0
        self.shadow = [p.detach().clone() for p in self.parameters]

    @torch.no_grad()
    def update(self) -> None:
        self.updates += 1
        rate = min(self.rate, (1 + self.updates) / (10 + self.updates))
        torch._foreach_lerp_(self.shadow, [p.detach() for p in self.parameters], 1 - rate)

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange averaged and current weights (call twice to come back)."""
        for shadow, parameter in zip(self.shadow, self.parameters):
            kept = parameter.detach().clone()
            parameter.copy_(shadow)
            shadow.copy_(kept)
