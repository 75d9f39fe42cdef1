"""Closed-form alignment: UCE (Gandikota et al., WACV 2024) and RECE-held, after RECE (Gong et al., ECCV 2024).

W′ = (λW + Σ s·v·cᵀ)(λI + Σ s·c·cᵀ)⁻¹ on every attn2.to_k and attn2.to_v, where c are token
embeddings (192). Erased: all 32 token positions of captions that name a forbidden concept,
v = W·g with g the token at the same position of the guide caption. Preserved: the same for
benign concepts, v = W·c. Extensions to the papers: all five languages and several wordings; each
concept's guide is its benign neighbour in the same wording, a smaller change than to the empty prompt.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from align import prompts as align_prompts
from config import LANGUAGES, Config


@dataclass(frozen=True)
class UceSettings:
    """s_e = erase, s_p = preserve, λ = ridge; `wordings` captions per concept and language."""

    erase: float = 4.0
    preserve: float = 1.0
    ridge: float = 0.5
    wordings: int = 6
    guide: str = "nearest benign concept"
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


def moments(cfg: Config, settings: UceSettings) -> Moments:
    """Encode the captions and sum their outer products (float64)."""
    contexts = align_prompts.encode(cfg, settings.languages, settings.wordings, 6)
    outer = lambda a, b: sum(torch.einsum("npi,npj->ij", x.double(), y.double()) for x, y in zip(a, b)) / len(a)  # noqa: E731
    return Moments(outer(contexts.erase, contexts.erase), outer(contexts.surrogate, contexts.erase), outer(contexts.keep, contexts.keep))


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
    rounds: int = 1
    erase: float = 0.2


@torch.no_grad()
def apply_rece(cfg: Config, unet, m: Moments, settings: ReceSettings) -> None:
    """UCE, then rounds that erase the embeddings which still evoke the concepts.

    c′ = (μI + Σ W′ᵀW′)⁻¹(Σ W′ᵀW)·c is linear in c, so the derived moments are D·M·Dᵀ and the
    edit maps c′ to the guide. The number of rounds is fixed beforehand, not chosen by a judge.
    Extension: what earlier rounds erased is held like a benign concept; here, without that, erasing c′ brought c back.
    That makes it another algorithm than the RECE which the page computes (src/core/alignment/rece.ts, as published), so
    it is shown as RECE-held. Its id stays `rece`: links, stored runs and the study's rows name it so.
    """
    originals = [layer.weight.double().clone() for layer in projections(unet)]
    apply_uce(unet, m, settings.uce)
    eye = torch.eye(len(m.erase), dtype=torch.float64)
    held = settings.uce.ridge * eye + settings.uce.preserve * m.preserve + settings.uce.erase * m.erase
    for _ in range(settings.rounds):
        now = [layer.weight.double() for layer in projections(unet)]
        gram = settings.mu * eye + sum(w.T @ w for w in now)
        derive = torch.linalg.solve(gram, sum(w.T @ o for w, o in zip(now, originals)))
        erased, guided = settings.erase * derive @ m.erase @ derive.T, settings.erase * m.guide @ derive.T
        edit = torch.linalg.solve(held + erased, held + guided, left=False)
        held = held + erased
        for layer in projections(unet):
            layer.weight.copy_((layer.weight.double() @ edit).float())
