"""Safe text encoders: Safe-CLIP (Poppi et al., ECCV 2024) and SaFeR-CLIP (2025, arXiv 2511.16743), on the text side alone.

A LoRA on the text encoder is trained so that a forbidden caption t* is read as a safe one t̂ and benign captions b as before:
mean‖E(t*) − E₀(t̂)‖² + mean‖E(b) − E₀(b)‖² over all 32 token positions, E₀ the frozen encoder. Safe-CLIP has one fixed safe
partner per forbidden concept, chosen by meaning (here: by eye, `world.neighbours`); SaFeR-CLIP takes for each caption the safe
one that is nearest in the encoder's own space, so that little has to change. Where both papers also pull texts and pictures
together in CLIP's shared space, the mean squared error of tokens stands in: the diffusion model sees tokens only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from peft import LoraConfig, get_peft_model_state_dict, inject_adapter_in_model
from torch.nn import functional as F

from align import prompts as align_prompts
from config import LANGUAGES, Config
from train import text, tokens
from train.training import check_loss
from world.concepts import load_world
from world.neighbours import neighbours


@dataclass(frozen=True)
class SafeTextSettings:
    """`partner`: "fixed" (Safe-CLIP) or "nearest" (SaFeR-CLIP); `keep` weighs benign captions; `wordings` per concept and language."""

    partner: str
    keep: float = 1.0
    rank: int = 16
    learning_rate: float = 3e-3
    steps: int = 600
    batch: int = 16
    wordings: int = 6
    targets: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2")
    languages: tuple[str, ...] = LANGUAGES


@dataclass(frozen=True)
class Captions:
    """Token ids (n, 32) of captions, and what the frozen encoder makes of the caption each is to be read as, (n, 32, 192)."""

    ids: torch.Tensor
    wanted: torch.Tensor


def nearest_safe(erase: torch.Tensor, keep: torch.Tensor) -> torch.Tensor:
    """(wordings, forbidden, 32, 192), (wordings, benign, 32, 192) → index of the nearest benign concept, caption by caption.

    By the cosine of mean tokens, what all concepts share in a wording taken off."""
    shared = torch.cat([erase, keep], 1).mean(1, keepdim=True)
    a, b = (F.normalize((part - shared).mean(2), dim=2) for part in (erase, keep))
    return (a @ b.transpose(1, 2)).argmax(2)


def captions(cfg: Config, settings: SafeTextSettings) -> tuple[Captions, Captions]:
    """Forbidden captions towards their partners, benign ones towards themselves."""
    encoder, tokenizer, world = text.load(cfg), tokens.load(cfg), load_world()
    wordings = align_prompts.draw_wordings(settings.languages, settings.wordings, np.random.default_rng((cfg.seed, 9)))
    said = [[w.say(c) for c in world] for w in wordings]
    every = torch.stack([text.embed(encoder, tokenizer, row) for row in said])
    ids = torch.stack([tokens.encode(tokenizer, row) for row in said])
    bad = torch.tensor([c.forbidden for c in world])
    erase, keep = every[:, bad], every[:, ~bad]
    if settings.partner == "nearest":
        which = nearest_safe(erase, keep)
    else:
        benign, twins = [c.id for c in world if not c.forbidden], neighbours(world)
        which = torch.tensor([benign.index(twins[c.id].id) for c in world if c.forbidden]).expand(len(wordings), -1)
    wanted = keep[torch.arange(len(keep))[:, None], which]
    return Captions(ids[:, bad].flatten(0, 1), wanted.flatten(0, 1)), Captions(ids[:, ~bad].flatten(0, 1), keep.flatten(0, 1))


def train(cfg: Config, settings: SafeTextSettings) -> dict[str, torch.Tensor]:
    """The LoRA's factors by PEFT's names."""
    erase, keep = captions(cfg, settings)
    encoder = text.load(cfg).requires_grad_(False)
    lora = LoraConfig(r=settings.rank, lora_alpha=settings.rank, target_modules=list(settings.targets))
    inject_adapter_in_model(lora, encoder)
    optimiser = torch.optim.Adam([p for p in encoder.parameters() if p.requires_grad], lr=settings.learning_rate)
    rng = np.random.default_rng((cfg.seed, 10))
    for step in range(settings.steps):
        for group in optimiser.param_groups:
            group["lr"] = settings.learning_rate * min(1.0, 2 * (1 - step / settings.steps))
        rows, kept = (torch.from_numpy(rng.integers(len(part.ids), size=settings.batch)) for part in (erase, keep))
        said = encoder(input_ids=torch.cat([erase.ids[rows], keep.ids[kept]])).last_hidden_state
        moved, held = (said - torch.cat([erase.wanted[rows], keep.wanted[kept]])).square().chunk(2)
        loss = moved.mean() + settings.keep * held.mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        if step % 100 == 0 or step == settings.steps - 1:
            check_loss(float(loss.detach()), f"the safe text encoder ({settings.partner})", step)
            print(f"safe text ({settings.partner}) {step} moved {float(moved.detach().mean()):.4f}, kept {float(held.detach().mean()):.4f}", flush=True)
    return get_peft_model_state_dict(encoder)
