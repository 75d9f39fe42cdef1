"""Training loops of the judges: one function per kind, all resumable and seeded.

Every loop is AdamW with a one-cycle cosine; a checkpoint every `cfg.checkpoint_seconds`
holds weights, optimiser, generator and step, and is deleted when the network is done.
"""

from __future__ import annotations

import math
import time

import torch
from torch import nn
from torch.nn import functional as F

from config import Config
from judges.data import ILLEGIBLE, Pool, augment, illegible, seed_of
from storage import record_time
from train.mixed import half_precision
from train.training import Checkpoint, check_loss

MEAN, STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)
"""Preprocessing of all judges: (RGB / 255 − mean) / std."""
ILLEGIBLE_SHARE = 0.14


def normalise(x: torch.Tensor) -> torch.Tensor:
    """Pictures in 0–1 → pixel_values, channels last in memory (twice as fast on CPU)."""
    return ((x - MEAN[0]) / STD[0]).contiguous(memory_format=torch.channels_last)


class Loop:
    """Optimiser, schedule, checkpoints and log of one network; iterate, and call `update` each time."""

    def __init__(self, cfg: Config, name: str, module: nn.Module, steps: int, rate: float, weight_decay: float = 0.05):
        self.cfg, self.name, self.steps, self.rate = cfg, name, steps, rate
        self.module = module.to(memory_format=torch.channels_last).train()
        self.optimiser = torch.optim.AdamW([p for p in module.parameters() if p.requires_grad], lr=rate, weight_decay=weight_decay)
        self.g = torch.Generator().manual_seed(seed_of(cfg, name + ":batches"))
        self.checkpoint = Checkpoint(cfg, f"judge-{name}")
        self.step, self.started, self.mean_loss = 0, time.time(), 0.0
        if state := self.checkpoint.load():
            module.load_state_dict(state["model"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.g.set_state(state["generator"])
            self.step = state["step"]

    def _state(self) -> dict:
        return {"model": self.module.state_dict(), "optimiser": self.optimiser.state_dict(),
                "generator": self.g.get_state(), "step": self.step}

    def __iter__(self):
        while self.step < self.steps:
            warm = min(1.0, (self.step + 1) / (0.05 * self.steps + 1))
            for group in self.optimiser.param_groups:
                group["lr"] = self.rate * warm * 0.5 * (1 + math.cos(math.pi * self.step / self.steps))
            yield self.step

    def update(self, loss: torch.Tensor) -> None:
        """One optimiser step; a loss that is not finite stops the run before it is saved."""
        value = loss.item()
        check_loss(value, self.name, self.step)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.module.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        self.mean_loss = value if self.mean_loss == 0 else 0.98 * self.mean_loss + 0.02 * value
        if self.step % 200 == 0 or self.step == self.steps:
            print(f"{self.name} {self.step}/{self.steps} loss {self.mean_loss:.3f} {time.time() - self.started:.0f} s", flush=True)
        self.checkpoint.save_when_due(self._state)

    def finish(self) -> nn.Module:
        """Record the wall time and return the network ready for inference.

        The checkpoint stays until the caller has saved the network and calls `forget`.
        """
        record_time(self.cfg, self.name, time.time() - self.started, steps=self.steps)
        return self.module.eval()


def forget(cfg: Config, name: str) -> None:
    """Drop the checkpoint of a saved network."""
    Checkpoint(cfg, f"judge-{name}").remove()


def half(module: nn.Module, *inputs: torch.Tensor):
    """Forward pass in bfloat16 where that is safe (two to three times faster on CPU), float32 out."""
    with half_precision():
        out = module(*inputs)
    return tuple(o.float() for o in out) if isinstance(out, tuple) else out.float()


class Pools:
    """Training pictures by phase: plain compositions first, then ones that went through the VAE too."""

    PLAIN_SHARE = 0.7

    def __init__(self, plain, with_vae):
        self.plain, self.with_vae, self._pool, self._late = plain, with_vae, None, None

    def at(self, step: int, steps: int) -> Pool:
        """The pool of a step; rendered when first asked for."""
        late = step >= self.PLAIN_SHARE * steps
        if self._pool is None or late != self._late:
            self._pool, self._late = (self.with_vae if late else self.plain)(), late
        return self._pool


def _batch(pool: Pool, size: int, g: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Augmented pictures in 0–1 and their places in the pool."""
    rows = torch.randint(len(pool.images), (size,), generator=g)
    return augment(pool.images[rows].float() / 255, g), rows


WIDE_SHARE = 0.35
"""Share of a batch that shows concepts outside the world, where a network learns from them too."""


def _mixed_batch(pool: Pool, wide: Pool, none: int, size: int, g: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Strongly augmented pictures of both pools in 0–1 and their classes: the wide ones lie behind class `none`."""
    far = int(size * WIDE_SHARE)
    near = torch.randint(len(pool.images), (size - far,), generator=g)
    away = torch.randint(len(wide.images), (far,), generator=g)
    order = torch.randperm(size, generator=g)
    x = torch.cat([pool.images[near], wide.images[away]])[order]
    return augment(x.float() / 255, g, shape=True), torch.cat([pool.concept[near], none + 1 + wide.concept[away]])[order]


def train_concepts(cfg: Config, name: str, net: nn.Module, pools: Pools, steps: int, wide: Pool | None = None, batch: int = 64, rate: float = 2e-3) -> nn.Module:
    """Cross-entropy over concepts and "no drawing"; heavily blurred or mixed pictures are "no drawing" too.

    With `wide`, concepts outside the world are classes of their own behind "no drawing".
    """
    loop = Loop(cfg, name, net, steps, rate)
    bad = max(1, int(batch * ILLEGIBLE_SHARE))
    none = net.concept.out_features - 1 - (0 if wide is None else int(wide.concept.max()) + 1)
    for step in loop:
        pool = pools.at(step, steps)
        if wide is None:
            x, rows = _batch(pool, batch, loop.g)
            concept = pool.concept[rows]
        else:
            x, concept = _mixed_batch(pool, wide, none, batch, loop.g)
        x = torch.cat([illegible(ILLEGIBLE[step % len(ILLEGIBLE)], x[:bad], loop.g, pool.halfway), x[bad:]])
        concept = torch.cat([torch.full((bad,), none), concept[bad:]])
        loop.update(F.cross_entropy(half(net, normalise(x)), concept, label_smoothing=0.05))
    return loop.finish()


def train_features(cfg: Config, name: str, net: nn.Module, pools: Pools, steps: int, batch: int = 64, rate: float = 2e-3) -> nn.Module:
    """Concept classifier through a narrow layer, whose activations are the features."""
    loop = Loop(cfg, name, net, steps, rate)
    for step in loop:
        pool = pools.at(step, steps)
        x, rows = _batch(pool, batch, loop.g)
        loop.update(F.cross_entropy(half(net, normalise(x))[1], pool.concept[rows], label_smoothing=0.05))
    return loop.finish()


@torch.no_grad()
def trunk_features(trunk: nn.Module, pool: Pool, g: torch.Generator, copies: int, chunk: int = 128) -> torch.Tensor:
    """Pooled features of `copies` disturbed versions of every picture: [copies, n, width] float32."""
    trunk = trunk.eval().to(memory_format=torch.channels_last)
    versions = []
    for _ in range(copies):
        parts = [half(trunk, normalise(augment(part.float() / 255, g, colour=False))) for part in pool.images.split(chunk)]
        versions.append(torch.cat(parts))
    return torch.stack(versions)


def train_clip(cfg: Config, name: str, pair: nn.Module, pool: Pool, tokens: torch.Tensor, alike: torch.Tensor, steps: int, batch: int = 128, rate: float = 3e-3) -> nn.Module:
    """Symmetric contrastive loss (Radford et al., 2021) with soft targets; the image trunk stays as it is.

    tokens [n, k, 32]: k captions of every picture of the pool. alike [n, f]: concept first,
    then count, size, background and style; pictures of one concept are positives of each
    other, the more so the more of the rest agrees. Both towers are also drawn to one learned
    prototype per concept, which makes all languages meet quickly.
    """
    features = trunk_features(pair.image.trunk, pool, torch.Generator().manual_seed(seed_of(cfg, name + ":pictures")), 1 if cfg.smoke else 2)
    pair.image.trunk.requires_grad_(False)
    loop = Loop(cfg, name, pair, steps, rate)
    for _ in loop:
        rows = torch.randint(features.shape[1], (batch,), generator=loop.g)
        choice = torch.randint(tokens.shape[1], (batch,), generator=loop.g)
        version = torch.randint(len(features), (batch,), generator=loop.g)
        image = F.normalize(half(pair.image.project, features[version, rows]), dim=-1)
        text = F.normalize(half(pair.text, tokens[rows, choice]), dim=-1)
        logits = image @ text.T * pair.scale.exp().clamp(max=60)
        facts = alike[rows]
        same = (facts[:, None] == facts[None]).float()
        target = same[..., 0] * torch.exp(3.0 * (same[..., 1:].mean(-1) - 1))
        target = target / target.sum(1, keepdim=True)
        loss = 0.5 * (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target))
        prototypes = F.normalize(pair.prototypes, dim=-1).T * 16
        loss = loss + F.cross_entropy(image @ prototypes, facts[:, 0]) + F.cross_entropy(text @ prototypes, facts[:, 0])
        loop.update(loss)
    return loop.finish()
