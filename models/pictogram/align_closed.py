"""Closed-form alignment: UCE (Gandikota et al., WACV 2024) and RECE (Gong et al., ECCV 2024).

W′ = (λW + Σ s·v·cᵀ)(λI + Σ s·c·cᵀ)⁻¹ on every attn2.to_k and attn2.to_v, where c are token
embeddings (192). Erased: all 32 token positions of captions that name a forbidden concept,
v = W·g with g the token at the same position of the guide caption. Preserved: the same for
benign concepts, v = W·c. Extension to the paper: all five languages and several templates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

import text
import tokens
from config import LANGUAGES, Config
from templates import TRAINING, phrase, thing
from world import Concept, load_world


MEAN_BENIGN = "mean of benign concepts"


@dataclass(frozen=True)
class UceSettings:
    """s_e = erase, s_p = preserve, λ = ridge; `templates` wordings per language.

    `guide` is a caption ("" for the empty prompt) or MEAN_BENIGN: the mean of the benign concepts in the
    same wording. The latter leaves wording and language alone, so it disturbs benign prompts less.
    """

    erase: float = 4.0
    preserve: float = 1.0
    ridge: float = 0.5
    templates: int = 4
    guide: str = MEAN_BENIGN
    languages: tuple[str, ...] = LANGUAGES


@dataclass(frozen=True)
class Moments:
    """Second moments of token embeddings, per concept summed over positions and averaged over captions."""

    erase: torch.Tensor
    """Σ c·cᵀ of forbidden concepts (192, 192)."""
    guide: torch.Tensor
    """Σ g·cᵀ of forbidden concepts (192, 192)."""
    preserve: torch.Tensor
    """Σ c·cᵀ of benign concepts (192, 192)."""


def captions_of(concept: Concept, languages, count: int, rng: np.random.Generator) -> list[str]:
    """The bare name and `count − 1` training templates around it, per language."""
    lines = []
    for language in languages:
        name = concept.names[language]
        lines.append(name)
        for _ in range(count - 1):
            template = TRAINING[language][rng.integers(len(TRAINING[language]))]
            lines.append(phrase(language, template, thing(language, name, 1, None), None, None))
    return lines


def guide_tokens(settings: UceSettings, model, tokenizer, benign: torch.Tensor) -> torch.Tensor:
    """Targets (32, 192): the mean of the benign concepts in the same wording, or a guide caption."""
    if settings.guide == MEAN_BENIGN:
        return benign.mean(0)
    return text.embed(model, tokenizer, [settings.guide]).double()[0]


def moments(cfg: Config, settings: UceSettings) -> Moments:
    """Encode all concepts in each wording and sum their outer products (float64)."""
    model, tokenizer, world = text.load(cfg), tokens.load(cfg), load_world()
    rng, bad = np.random.default_rng((cfg.seed, 6)), torch.tensor([c.forbidden for c in world])
    n, width = len(settings.languages) * settings.templates, model.config.hidden_size
    sums = {name: torch.zeros(width, width, dtype=torch.float64) for name in ("erase", "guide", "preserve")}
    for language in settings.languages:
        for k in range(settings.templates):
            wording = TRAINING[language][rng.integers(len(TRAINING[language]))] if k else "{}"
            names = [c.names[language] for c in world]
            lines = [wording.format(thing(language, name, 1, None) if k else name) for name in names]
            c = text.embed(model, tokenizer, lines).double()
            guide = guide_tokens(settings, model, tokenizer, c[~bad])
            sums["erase"] += torch.einsum("npi,npj->ij", c[bad], c[bad]) / n
            sums["guide"] += torch.einsum("pi,npj->ij", guide, c[bad]) / n
            sums["preserve"] += torch.einsum("npi,npj->ij", c[~bad], c[~bad]) / n
    return Moments(**sums)


def projections(unet) -> list[torch.nn.Linear]:
    """All attn2.to_k and attn2.to_v, in the U-Net's order."""
    return [m for name, m in unet.named_modules() if name.endswith(("attn2.to_k", "attn2.to_v"))]


@torch.no_grad()
def apply_uce(unet, m: Moments, settings: UceSettings) -> None:
    """Edit the U-Net in place."""
    eye = torch.eye(len(m.erase), dtype=torch.float64)
    right = settings.ridge * eye + settings.erase * m.erase + settings.preserve * m.preserve
    left = settings.ridge * eye + settings.erase * m.guide + settings.preserve * m.preserve
    edit = torch.linalg.solve(right, left, left=False)
    for layer in projections(unet):
        layer.weight.copy_((layer.weight.double() @ edit).float())


@dataclass(frozen=True)
class ReceSettings:
    """μ of the derived embedding, rounds, weight of the derived concepts; UCE settings for the start."""

    uce: UceSettings = UceSettings()
    mu: float = 0.1
    rounds: int = 3
    erase: float = 1.0


@torch.no_grad()
def apply_rece(cfg: Config, unet, m: Moments, settings: ReceSettings) -> None:
    """UCE, then rounds that erase the embeddings which still evoke the concepts.

    c′ = (μI + Σ W′ᵀW′)⁻¹(Σ W′ᵀW)·c is linear in c, so the derived moments are D·M·Dᵀ and the
    edit maps c′ to the guide. The number of rounds is fixed beforehand, not chosen by a judge.
    """
    originals = [layer.weight.double().clone() for layer in projections(unet)]
    apply_uce(unet, m, settings.uce)
    eye = torch.eye(len(m.erase), dtype=torch.float64)
    for _ in range(settings.rounds):
        now = [layer.weight.double() for layer in projections(unet)]
        gram = settings.mu * eye + sum(w.T @ w for w in now)
        derive = torch.linalg.solve(gram, sum(w.T @ o for w, o in zip(now, originals)))
        erased, guided = derive @ m.erase @ derive.T, m.guide @ derive.T
        s, p, ridge = settings.erase, settings.uce.preserve, settings.uce.ridge
        edit = torch.linalg.solve(
            ridge * eye + s * erased + p * m.preserve, ridge * eye + s * guided + p * m.preserve, left=False)
        for layer in projections(unet):
            layer.weight.copy_((layer.weight.double() @ edit).float())
