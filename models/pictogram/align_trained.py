"""Alignment by training: ESD-x, ESD-u (ICCV 2023), SPM (CVPR 2024), SalUn (ICLR 2024).

All erase every forbidden concept at once. The model predicts a velocity instead of noise;
the objectives are linear in the prediction, so ε is replaced by v throughout. Extension to
the papers: erase prompts come in five languages and several training templates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

import latents as latents_stage
from align_closed import captions_of
from config import LANGUAGES, Config
from sampling import noise_for, sigmas
from training import check_loss
from unet import flow_loss
from world import load_world


@dataclass(frozen=True)
class EsdSettings:
    """η is the negative guidance; `names` picks the trained tensors; `anchor` weighs benign prompts (0 in the paper)."""

    negative_guidance: float = 2.0
    learning_rate: float = 1e-4
    steps: int = 300
    batch: int = 16
    start_guidance: float = 3.0
    anchor: float = 0.0
    cross_attention: bool = True


class Prompts:
    """Encoded captions: forbidden concepts to erase, benign ones to anchor, and the empty prompt."""

    def __init__(self, cfg: Config, languages=LANGUAGES, templates: int = 4):
        rng, world = np.random.default_rng((cfg.seed, 7)), load_world()
        erase = [(line, i) for i, c in enumerate(world) if c.forbidden for line in captions_of(c, languages, templates, rng)]
        keep = [(line, i) for i, c in enumerate(world) if not c.forbidden for line in captions_of(c, languages, templates, rng)]
        context = latents_stage.encode_captions(cfg, [line for line, _ in erase + keep] + [""])
        context = torch.from_numpy(context).float()
        self.erase, self.keep, self.empty = context[:len(erase)], context[len(erase):-1], context[-1]
        self.erase_concept = [i for _, i in erase]
        self.keep_concept = [i for _, i in keep]


@torch.no_grad()
def partial_drawings(teacher, context, empty, rng, guidance: float, steps: int = 8):
    """x_t on the teacher's way from noise to the prompt, stopped at a random step; → x_t and σ (n,).

    As in ESD, the noisy latents are those the erased prompt itself would pass through.
    """
    n, levels = len(context), sigmas(steps)
    x = noise_for([int(s) for s in rng.integers(2**31, size=n)])
    stop = torch.from_numpy(rng.integers(0, steps, size=n))
    both = torch.cat([empty.expand_as(context), context])
    for i in range(int(stop.max())):
        time = torch.full((2 * n,), 1000 * levels[i])
        free, bound = teacher(torch.cat([x, x]), time, both).sample.chunk(2)
        moved = x + (levels[i + 1] - levels[i]) * (free + guidance * (bound - free))
        x = torch.where((stop > i).view(-1, 1, 1, 1), moved, x)
    return x, torch.tensor(levels)[stop]


def train_esd(cfg: Config, student, teacher, settings: EsdSettings) -> None:
    """ESD: v(c) → v₀(c) − η·(v₀(c) − v₀(∅)) on attn2 (x) or everything else (u); edits `student` in place."""
    prompts, rng = Prompts(cfg), np.random.default_rng((cfg.seed, 8))
    for name, parameter in student.named_parameters():
        parameter.requires_grad_(("attn2" in name) == settings.cross_attention)
    trained = [p for p in student.parameters() if p.requires_grad]
    optimiser = torch.optim.Adam(trained, lr=settings.learning_rate)
    for step in range(settings.steps):
        context = prompts.erase[rng.integers(len(prompts.erase), size=settings.batch)]
        x, sigma = partial_drawings(teacher, context, prompts.empty, rng, settings.start_guidance)
        with torch.no_grad():
            both = torch.cat([prompts.empty.expand_as(context), context])
            free, bound = teacher(torch.cat([x, x]), 1000 * sigma.repeat(2), both).sample.chunk(2)
            target = bound - settings.negative_guidance * (bound - free)
        loss = (student(x, 1000 * sigma, context).sample - target).square().mean()
        if settings.anchor:
            keep = prompts.keep[rng.integers(len(prompts.keep), size=settings.batch)]
            with torch.no_grad():
                wanted = teacher(x, 1000 * sigma, keep).sample
            loss = loss + settings.anchor * (student(x, 1000 * sigma, keep).sample - wanted).square().mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        if step % 50 == 0:
            check_loss(float(loss.detach()), "ESD", step)
            print(f"esd {step} loss {float(loss.detach()):.4f}", flush=True)
    student.requires_grad_(True)


@dataclass(frozen=True)
class SalunSettings:
    """Share of weights in the saliency mask, and the weights of forgetting and keeping."""

    share: float = 0.5
    learning_rate: float = 1e-4
    steps: int = 300
    batch: int = 16
    keep: float = 1.0


def train_salun(cfg: Config, student, data, settings: SalunSettings, pictures) -> None:
    """SalUn: mask = top 50 % |gradient of the forgetting loss|; then each forbidden caption is
    trained to give what the model says for a random benign caption, with the ordinary loss on
    benign pictures. `pictures` = (forbidden, benign) pairs of latents and contexts."""
    (bad_x, bad_c), (good_x, good_c) = pictures
    rng = np.random.default_rng((cfg.seed, 9))

    def draw(x, c):
        rows = rng.integers(len(x), size=settings.batch)
        sigma = torch.sigmoid(torch.from_numpy(rng.standard_normal(settings.batch).astype(np.float32)))
        return x[rows], c[rows], sigma, noise_for([int(s) for s in rng.integers(2**31, size=settings.batch)])

    for _ in range(10):
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
