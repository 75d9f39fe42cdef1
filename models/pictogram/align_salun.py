"""Alignment by SalUn (Fan et al., ICLR 2024): saliency mask, then random relabelling.

The mask keeps the half of the weights with the largest gradient of the forgetting loss. Each forbidden
caption is then trained to give what the model says for a random benign caption, together with
the ordinary loss on benign pictures.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

import latents as latents_stage
from config import STYLES, Config
from sampling import noise_for
from training import check_loss
from unet import Data, flow_loss
from world import load_world

MASK_BATCHES = 10


@dataclass(frozen=True)
class SalunSettings:
    """Share of weights in the saliency mask, and the weights of forgetting and keeping."""

    share: float = 0.5
    learning_rate: float = 1e-4
    steps: int = 300
    batch: int = 16
    keep: float = 1.0


def pictures_by_kind(cfg: Config) -> tuple:
    """Training latents with one context each, split into (forbidden, benign)."""
    world, data = load_world(), Data(cfg)
    names = {c.id for c in world if c.forbidden}
    bad = np.array([e.concept in names for e in latents_stage.examples_of(cfg, len(data.latents), world, STYLES, 4)])

    def pick(rows):
        rows = np.flatnonzero(rows)[:4_000]
        return data.latents[torch.from_numpy(rows)].float(), torch.from_numpy(data.context[rows * data.k]).float()

    return pick(bad), pick(~bad)


def train_salun(cfg: Config, student, settings: SalunSettings) -> None:
    """Edit `student` in place."""
    (bad_x, bad_c), (good_x, good_c) = pictures_by_kind(cfg)
    rng = np.random.default_rng((cfg.seed, 9))

    def draw(x, c):
        rows = rng.integers(len(x), size=settings.batch)
        sigma = torch.sigmoid(torch.from_numpy(rng.standard_normal(settings.batch).astype(np.float32)))
        return x[rows], c[rows], sigma, noise_for([int(s) for s in rng.integers(2**31, size=settings.batch)])

    for _ in range(MASK_BATCHES):
        flow_loss(student, *draw(bad_x, bad_c)).backward()
    size = torch.cat([p.grad.abs().flatten() for p in student.parameters()])
    limit = size.kthvalue(int(len(size) * (1 - settings.share)) + 1).values
    masks = [(p.grad.abs() >= limit).float() for p in student.parameters()]
    optimiser = torch.optim.Adam(student.parameters(), lr=settings.learning_rate)
    for step in range(settings.steps):
        x, c, sigma, noise = draw(bad_x, bad_c)
        noisy = (1 - sigma.view(-1, 1, 1, 1)) * x + sigma.view(-1, 1, 1, 1) * noise
        with torch.no_grad():
            other = student(noisy, 1000 * sigma, good_c[rng.integers(len(good_c), size=settings.batch)]).sample
        loss = (student(noisy, 1000 * sigma, c).sample - other).square().mean()
        loss = loss + settings.keep * flow_loss(student, *draw(good_x, good_c))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        for parameter, mask in zip(student.parameters(), masks):
            parameter.grad.mul_(mask)
        optimiser.step()
        if step % 50 == 0:
            check_loss(float(loss.detach()), "SalUn", step)
            print(f"salun {step} loss {float(loss.detach()):.4f}", flush=True)
