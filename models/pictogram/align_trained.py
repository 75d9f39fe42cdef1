"""Alignment by training against the base model: ESD-x, ESD-u (ICCV 2023) and SPM (CVPR 2024).

All erase every forbidden concept at once. The model predicts a velocity instead of noise;
the objectives are linear in the prediction, so ε is replaced by v throughout. Extension to
the papers: erase prompts come in five languages and several training templates.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from peft import LoraConfig, get_peft_model_state_dict

import latents as latents_stage
from align_closed import captions_of
from config import LANGUAGES, Config
from sampling import BATCH, noise_for, sigmas
from training import check_loss
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
    spm: bool = False
    """Train only the rank-1 adapters that `train_spm` has added."""


class Prompts:
    """Encoded captions: forbidden concepts to erase, benign ones to anchor, and the empty prompt."""

    def __init__(self, cfg: Config, languages=LANGUAGES, templates: int = 4):
        rng, world = np.random.default_rng((cfg.seed, 7)), load_world()
        erase = [(line, i) for i, c in enumerate(world) if c.forbidden for line in captions_of(c, languages, templates, rng)]
        keep = [(line, i) for i, c in enumerate(world) if not c.forbidden for line in captions_of(c, languages, 2, rng)]
        context = latents_stage.encode_captions(cfg, [line for line, _ in erase + keep] + [""])
        context = torch.from_numpy(context).float()
        self.erase, self.keep, self.empty = context[:len(erase)], context[len(erase):-1], context[-1]
        self.erase_concept = [i for _, i in erase]
        self.keep_concept = [i for _, i in keep]


class Trajectories:
    """Noisy latents on the base model's way from noise to each erased prompt, one per Euler step.

    ESD trains on the latents the erased prompt itself passes through; they are drawn once and reused.
    """

    @torch.no_grad()
    def __init__(self, teacher, context: torch.Tensor, empty: torch.Tensor, guidance: float, steps: int = 8, seed: int = 0):
        self.levels, self.context, kept = torch.tensor(sigmas(steps)), context, []
        for start in range(0, len(context), BATCH):
            c = context[start:start + BATCH]
            x, path = noise_for([seed + start + i for i in range(len(c))]), []
            both = torch.cat([empty.expand_as(c), c])
            for now, then in zip(self.levels[:-1], self.levels[1:]):
                path.append(x)
                free, bound = teacher(torch.cat([x, x]), (1000 * now).expand(2 * len(x)), both).sample.chunk(2)
                x = x + (then - now) * (free + guidance * (bound - free))
            kept.append(torch.stack(path, 1))
        self.latents = torch.cat(kept)

    def draw(self, rng: np.random.Generator, n: int):
        """Random points: x_t (n, 16, 8, 8), σ (n,), contexts (n, 32, 192)."""
        which = rng.integers(len(self.latents), size=n)
        step = rng.integers(self.latents.shape[1], size=n)
        return self.latents[which, step], self.levels[torch.from_numpy(step)], self.context[torch.from_numpy(which)]


def train_esd(cfg: Config, student, teacher, settings: EsdSettings) -> None:
    """ESD: v(c) → v₀(c) − η·(v₀(c) − v₀(∅)) on attn2 (x) or everything else (u); edits `student` in place."""
    prompts, rng = Prompts(cfg), np.random.default_rng((cfg.seed, 8))
    few = slice(None, 4) if cfg.smoke else slice(None)
    paths = Trajectories(teacher, prompts.erase[few], prompts.empty, settings.start_guidance, seed=cfg.seed)
    for name, parameter in student.named_parameters():
        if settings.spm:
            parameter.requires_grad_("lora_" in name)
        else:
            parameter.requires_grad_(("attn2" in name) == settings.cross_attention)
    trained = [p for p in student.parameters() if p.requires_grad]
    optimiser = torch.optim.Adam(trained, lr=settings.learning_rate)
    for step in range(settings.steps):
        x, sigma, context = paths.draw(rng, settings.batch)
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


SPM_TARGETS = ["to_q", "to_k", "to_v", "to_out.0", "proj_in", "proj_out"]


def train_spm(cfg: Config, student, teacher, settings: EsdSettings) -> dict:
    """SPM: the erasing objective in one-dimensional adapters plus the anchor loss → adapter state."""
    student.add_adapter(LoraConfig(r=1, lora_alpha=1, target_modules=SPM_TARGETS, init_lora_weights="gaussian"))
    train_esd(cfg, student, teacher, replace(settings, spm=True))
    return get_peft_model_state_dict(student)
