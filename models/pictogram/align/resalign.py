"""ResAlign (NeurIPS 2025, arXiv 2507.16302): unlearning that expects to be fine-tuned on harmless data afterwards.

min over θ of L_h(θ) + β·[L_h(θ*) − L_h(θ)] + λ·L_retain(θ), where θ* minimises the loss of harmless fine-tuning +
½·ρ‖θ′ − θ‖² over θ′. θ is a LoRA on the U-Net; the change Δ = θ* − θ is trained in the weights beneath it. Of the implicit
gradient the first order is taken, dθ*/dθ = I: the LoRA's gradient of (1 − β)·L_h + λ·L_retain at θ, and that of β·L_h at θ + Δ.

L_h is the squared distance of v(c) from v₀(s) − η·(v₀(c) − v₀(∅)), s the nearest benign concept (the second of the losses in the
published code; the first, the negative denoising loss, has no bound), L_retain that of v(b) from v₀(b) on benign captions.
Not as published: θ* is not found anew at every step. One inner step follows every outer one, and Δ begins anew now and then.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from peft import LoraConfig, get_peft_model_state_dict

from align import finetune, prompts as align_prompts
from align.paths import Draw, Ways, walk
from align.trained import EMPTY_SHARE, SPM_TARGETS
from config import LANGUAGES, STYLES, Config
from train.mixed import Mixed
from train.training import Checkpoint, check_loss
from train.unet import CAPTION_DROPOUT, flow_loss

PICTURES_KEY = 23
"""Seed of the harmless pictures of the inner fine-tune: none of those that fine-tuning is measured with."""


@dataclass(frozen=True)
class ResAlignSettings:
    """β, λ before and after its rise in the second half, η, ρ; the inner fine-tune is AdamW on all weights.

    ρ is 1 in the paper, for moves that are far smaller; here that would hold Δ at 0.
    """

    resilience: float = 0.8
    retain: tuple[float, float] = (1.6, 2.0)
    negative_guidance: float = 1.0
    proximal: float = 0.05
    rank: int = 4
    learning_rate: float = 3e-3
    """Falls to 0 over the second half."""
    steps: int = 160
    batch: int = 8
    clip: float = 0.2
    inner_learning_rate: float = 5e-4
    restart: int = 20
    """Outer steps, and inner ones with them, before Δ begins anew at 0."""
    wordings: int = 2
    ways: int = 60
    """Captions of either kind whose way from noise is walked, of `wordings` per language and concept."""
    pictures: int = 256
    targets: tuple[str, ...] = tuple(SPM_TARGETS)


def retain_weight(settings: ResAlignSettings, step: int) -> float:
    """λ: its first value for half of the steps, then along a sigmoid to the second."""
    first, second = settings.retain
    progress = 2 * step / settings.steps - 1
    return first if progress < 0 else first + (second - first) / (1 + math.exp(-10 * (progress - 0.5)))


class Lookahead:
    """The inner fine-tune: `weights` (requiring gradients) are at θ, and at θ + Δ inside `with`."""

    def __init__(self, weights: list[torch.nn.Parameter], rate: float, proximal: float):
        self.weights, self.rate, self.proximal = weights, rate, proximal
        self.start = [w.detach().clone() for w in weights]
        self.restart()

    def restart(self) -> None:
        """Δ = 0."""
        self.far = [w.clone() for w in self.start]
        self.optimiser = torch.optim.AdamW(self.weights, **{**finetune.OPTIMISER, "lr": self.rate})

    @torch.no_grad()
    def __enter__(self):
        torch._foreach_copy_(self.weights, self.far)

    @torch.no_grad()
    def __exit__(self, *error):
        torch._foreach_copy_(self.far, self.weights)
        torch._foreach_copy_(self.weights, self.start)

    def step(self, loss: torch.Tensor) -> None:
        """One step of AdamW on `loss` + ½ρ‖Δ‖², its gradient clipped as in fine-tuning; inside `with` only."""
        for weight, gradient, start in zip(self.weights, torch.autograd.grad(loss, self.weights), self.start):
            weight.grad = gradient + self.proximal * (weight.detach() - start)
        torch.nn.utils.clip_grad_norm_(self.weights, finetune.CLIP)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)


def outer_step(lora: list[torch.nn.Parameter], ahead: Lookahead, losses, optimiser, settings: ResAlignSettings, step: int) -> tuple[float, float, float]:
    """One outer step. `losses`: functions without arguments of L_h, L_retain (both for one batch) and the inner loss.

    Returns L_h(θ), L_h(θ*) and L_retain(θ) before the step.
    """
    harmful, retain, benign = losses
    with ahead:
        ahead.step(benign())
        far = harmful()
        gradients = torch.autograd.grad(settings.resilience * far, lora)
    near, kept = harmful(), retain()
    here = torch.autograd.grad((1 - settings.resilience) * near + retain_weight(settings, step) * kept, lora)
    for parameter, one, two in zip(lora, gradients, here):
        parameter.grad = one + two
    torch.nn.utils.clip_grad_norm_(lora, settings.clip)
    optimiser.step()
    return float(near.detach()), float(far.detach()), float(kept.detach())


class Batches:
    """What a step needs, drawn from the base model's own ways and from harmless pictures."""

    def __init__(self, cfg: Config, teacher, settings: ResAlignSettings):
        few = settings.ways if not cfg.smoke else 2
        rng = np.random.default_rng((cfg.seed, 13))
        contexts = align_prompts.encode(cfg, LANGUAGES, settings.wordings, 13)
        self.empty = contexts.empty
        bad, twin, good = (part.flatten(0, 1) for part in (contexts.erase, contexts.surrogate, contexts.keep))
        rows, kept = (torch.from_numpy(rng.choice(len(part), min(few, len(part)), replace=False)) for part in (bad, good))
        held = good[kept]
        self.erase: Ways = walk(teacher, bad[rows], twin[rows], self.empty, cfg.seed + 1_000_000)
        self.keep: Ways = walk(teacher, held, held, self.empty, cfg.seed + 1_100_000)
        self.latents, self.context = finetune.encode_set(cfg, "resalign", LANGUAGES, STYLES, settings.pictures, PICTURES_KEY)

    def harmful(self, model, draw: Draw, guidance: float) -> torch.Tensor:
        """L_h."""
        return distance(model, draw, draw.context, draw.surrogate - guidance * (draw.bound - draw.free))

    def retain(self, model, draw: Draw, empty: torch.Tensor) -> torch.Tensor:
        """L_retain; `empty` (n,): where the base's prediction without a caption is held."""
        context = torch.where(empty[:, None, None], self.empty, draw.context)
        return distance(model, draw, context, torch.where(empty[:, None, None, None], draw.free, draw.bound))

    def benign(self, model, rng: np.random.Generator, n: int) -> torch.Tensor:
        """The denoising loss of fine-tuning on harmless pictures."""
        rows = torch.from_numpy(rng.integers(len(self.latents), size=n))
        x0, context = self.latents[rows].float(), self.context[rows].float()
        context[torch.from_numpy(rng.random(n) < CAPTION_DROPOUT)] = self.empty
        sigma = torch.sigmoid(torch.from_numpy(rng.standard_normal(n).astype(np.float32)))
        noise = torch.from_numpy(rng.standard_normal(tuple(x0.shape)).astype(np.float32))
        with Mixed():
            return flow_loss(model, x0, context, sigma, noise)


def distance(model, draw: Draw, context: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Mean squared error of the velocity at the points of a draw."""
    with Mixed():
        said = model(draw.x, 1000 * draw.sigma, context).sample.float()
    return (said - wanted).square().mean()


def train(cfg: Config, student, settings: ResAlignSettings) -> dict[str, torch.Tensor]:
    """The LoRA's factors by PEFT's names; goes on from its checkpoint after an interruption."""
    batches = Batches(cfg, student, settings)
    weights = [p for p in student.parameters()]
    student.add_adapter(LoraConfig(r=settings.rank, lora_alpha=settings.rank, target_modules=list(settings.targets), init_lora_weights="gaussian"))
    lora = [p for name, p in student.named_parameters() if "lora_" in name]
    for weight in weights:
        weight.requires_grad_(True)
    ahead = Lookahead(weights, settings.inner_learning_rate, settings.proximal)
    optimiser = torch.optim.AdamW(lora, lr=settings.learning_rate, weight_decay=1e-2)
    checkpoint, begin = Checkpoint(cfg, "resalign"), 0
    if state := checkpoint.load():
        begin = state["step"]
        optimiser.load_state_dict(state["optimiser"])
        with torch.no_grad():
            torch._foreach_copy_(lora, state["lora"])
    for step in range(begin, settings.steps):
        if step % settings.restart == 0:
            # Kept only where nothing of the inner fine-tune has to be kept with it.
            checkpoint.save_when_due(lambda: {"lora": [p.detach().clone() for p in lora], "optimiser": optimiser.state_dict(), "step": step})
            ahead.restart()
        for group in optimiser.param_groups:
            group["lr"] = settings.learning_rate * min(1.0, 2 * (1 - step / settings.steps))
        rng = np.random.default_rng((cfg.seed, 14, step))
        bad, good = batches.erase.draw(rng, settings.batch), batches.keep.draw(rng, settings.batch)
        empty = torch.from_numpy(rng.random(settings.batch) < EMPTY_SHARE)
        losses = (lambda: batches.harmful(student, bad, settings.negative_guidance), lambda: batches.retain(student, good, empty),
                  lambda: batches.benign(student, rng, settings.batch))
        near, far, kept = outer_step(lora, ahead, losses, optimiser, settings, step)
        if step % 10 == 0 or step == settings.steps - 1:
            check_loss(near + far + kept, "ResAlign", step)
            print(f"ResAlign {step} harm {near:.4f}, after fine-tuning {far:.4f}, kept {kept:.4f}", flush=True)
    checkpoint.remove()
    return get_peft_model_state_dict(student)
