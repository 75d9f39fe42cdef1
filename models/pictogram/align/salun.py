"""Alignment by SalUn (Fan et al., ICLR 2024): saliency mask, then relabelling.

The mask keeps the half of the weights with the largest gradient of the forgetting loss. Each forbidden caption is then
trained to give what the model says for a caption of the concept's benign neighbour (the paper: another class), together
with the ordinary loss on benign pictures.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from align import prompts as align_prompts
from config import LANGUAGES, STYLES, Config
from train import latents as latents_stage
from train.mixed import Mixed
from train.sampling import noise_for
from train.training import check_loss
from train.unet import Data, flow_loss
from world.concepts import load_world

MASK_BATCHES = 10
WORDINGS = 2
"""Captions per language that neighbours are found with."""


@dataclass(frozen=True)
class SalunSettings:
    """Share of weights in the saliency mask, and the weight of keeping (forgetting has weight 1)."""

    share: float = 0.5
    learning_rate: float = 1e-4
    steps: int = 500
    batch: int = 16
    keep: float = 1.0


class Pictures:
    """Training latents and one caption each of some concepts; `draw` gives a noisy batch."""

    def __init__(self, data: Data, concepts: np.ndarray, wanted: set):
        rows = np.flatnonzero(np.isin(concepts, list(wanted)))
        self.latents, self.concept = data.latents[torch.from_numpy(rows)].float(), concepts[rows]
        self.context = torch.from_numpy(data.context[rows * data.k]).float()
        self.of = {c: np.flatnonzero(self.concept == c) for c in np.unique(self.concept)}

    def draw(self, rng: np.random.Generator, n: int):
        """Rows, x₀, contexts, σ, noise."""
        rows = rng.integers(len(self.latents), size=n)
        sigma = torch.sigmoid(torch.from_numpy(rng.standard_normal(n).astype(np.float32)))
        return rows, self.latents[rows], self.context[rows], sigma, noise_for([int(s) for s in rng.integers(2**31, size=n)])


def pictures_by_kind(cfg: Config) -> tuple[Pictures, Pictures, dict[str, str]]:
    """Forbidden pictures, benign pictures, and the neighbour of each forbidden concept."""
    world, data = load_world(), Data(cfg)
    bad, good = [c.id for c in world if c.forbidden], [c.id for c in world if not c.forbidden]
    near = align_prompts.encode(cfg, LANGUAGES, WORDINGS, 9).neighbour
    concepts = np.array([e.concept for e in latents_stage.examples_of(cfg, len(data.latents), world, STYLES, 4)])
    return Pictures(data, concepts, set(bad)), Pictures(data, concepts, set(good)), {b: good[i] for b, i in zip(bad, near)}


def saliency(student, bad: Pictures, rng: np.random.Generator, settings: SalunSettings) -> list[torch.Tensor]:
    """1 where a weight's forgetting gradient is among the largest `share`."""
    for _ in range(MASK_BATCHES):
        _, x, c, sigma, noise = bad.draw(rng, settings.batch)
        flow_loss(student, x, c, sigma, noise).backward()
    size = torch.cat([p.grad.abs().flatten() for p in student.parameters()])
    limit = size.kthvalue(int(len(size) * (1 - settings.share)) + 1).values
    return [(p.grad.abs() >= limit).float() for p in student.parameters()]


def train_salun(cfg: Config, student, settings: SalunSettings) -> None:
    """Edit `student` in place."""
    bad, good, near = pictures_by_kind(cfg)
    rng = np.random.default_rng((cfg.seed, 9))
    masks = saliency(student, bad, rng, settings)
    optimiser = torch.optim.Adam(student.parameters(), lr=settings.learning_rate)
    every = np.arange(len(good.latents))
    for step in range(settings.steps):
        rows, x, c, sigma, noise = bad.draw(rng, settings.batch)
        twins = [good.of.get(near[bad.concept[r]], every) for r in rows]
        relabelled = good.context[[t[rng.integers(len(t))] for t in twins]]
        noisy = (1 - sigma.view(-1, 1, 1, 1)) * x + sigma.view(-1, 1, 1, 1) * noise
        with Mixed():
            with torch.no_grad():
                other = student(noisy, 1000 * sigma, relabelled).sample.float()
            forget = (student(noisy, 1000 * sigma, c).sample.float() - other).square().mean()
            loss = forget + settings.keep * flow_loss(student, *good.draw(rng, settings.batch)[1:])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        for parameter, mask in zip(student.parameters(), masks):
            parameter.grad.mul_(mask)
        optimiser.step()
        if step % 100 == 0:
            check_loss(float(loss.detach()), "SalUn", step)
            print(f"SalUn {step} forget {float(forget.detach()):.4f}", flush=True)
