"""Alignment by training against the base model: ESD-x, ESD-u (ICCV 2023) and SPM (CVPR 2024).

All erase every forbidden concept at once. The model predicts a velocity instead of noise;
the objectives are linear in the prediction, so ε is replaced by v throughout. Extensions to
the papers: captions in five languages and several wordings, and (ESD) an anchor on benign captions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from peft import LoraConfig, get_peft_model_state_dict

from align.paths import Paths
from config import Config
from train.mixed import Mixed
from train.training import check_loss

EMPTY_SHARE = 0.15
"""Share of the anchor that holds the unconditional prediction: guidance rests on it."""


@dataclass(frozen=True)
class EsdSettings:
    """η is the negative guidance; `part` names the trained tensors; `anchor` weighs benign prompts (0 in the ESD paper)."""

    negative_guidance: float = 2.0
    learning_rate: float = 2e-4
    steps: int = 600
    batch: int = 16
    anchor: float = 4.0
    part: str = "attn2"
    """attn2 (ESD-x), other (ESD-u: everything but attn2), lora_ (SPM: only the adapters)."""
    neutral: str = "empty prompt"
    """Where the target starts from: the concept itself pushed away (ESD), or its benign neighbour (SPM's surrogate)."""


def is_trained(name: str, part: str) -> bool:
    """Whether `part` takes in the tensor."""
    return "attn2" not in name if part == "other" else part in name


def target_of(draw, settings: EsdSettings) -> torch.Tensor:
    """ESD: v₀(c) − η·(v₀(c) − v₀(∅)). SPM: v₀(s) − η·(v₀(c) − v₀(s)) with the surrogate s."""
    if settings.neutral == "empty prompt":
        return draw.bound - settings.negative_guidance * (draw.bound - draw.free)
    return draw.surrogate - settings.negative_guidance * (draw.bound - draw.surrogate)


def train_esd(cfg: Config, student, teacher, settings: EsdSettings, stage: str = "ESD") -> None:
    """Erase and anchor on latents of the base model's own way to each prompt; edits `student` in place."""
    paths, rng = Paths.load(cfg, teacher), np.random.default_rng((cfg.seed, 8))
    for name, parameter in student.named_parameters():
        parameter.requires_grad_(is_trained(name, settings.part))
    optimiser = torch.optim.Adam([p for p in student.parameters() if p.requires_grad], lr=settings.learning_rate)
    for step in range(settings.steps):
        for group in optimiser.param_groups:
            group["lr"] = settings.learning_rate * min(1.0, 2 * (1 - step / settings.steps))
        erase, keep = paths.erase.draw(rng, settings.batch), paths.keep.draw(rng, settings.batch)
        empty = torch.from_numpy(rng.random(settings.batch) < EMPTY_SHARE)
        held = torch.where(empty[:, None, None], paths.empty, keep.context)
        wanted = torch.where(empty[:, None, None, None], keep.free, keep.bound)
        sigma = 1000 * torch.cat([erase.sigma, keep.sigma])
        with Mixed():
            said = student(torch.cat([erase.x, keep.x]), sigma, torch.cat([erase.context, held])).sample.float()
        away, near = (said - torch.cat([target_of(erase, settings), wanted])).square().chunk(2)
        loss = away.mean() + settings.anchor * near.mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        if step % 100 == 0:
            check_loss(float(loss.detach()), stage, step)
            print(f"{stage} {step} loss {float(loss.detach()):.4f}, kept {float(near.detach().mean()):.4f}", flush=True)
    student.requires_grad_(True)


SPM_TARGETS = ["to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2"]


def train_spm(cfg: Config, student, teacher, settings: EsdSettings) -> dict:
    """SPM: the erasing objective in one-dimensional adapters plus the anchor loss → adapter state."""
    student.add_adapter(LoraConfig(r=1, lora_alpha=1, target_modules=SPM_TARGETS, init_lora_weights="gaussian"))
    train_esd(cfg, student, teacher, settings, "SPM")
    return get_peft_model_state_dict(student)
