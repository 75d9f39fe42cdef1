"""SafeRedir-style: a small network that redirects a prompt's embeddings while a picture is made, after SafeRedir (2026, arXiv 2601.08623).

Before a step it sees the noisy latents, the prompt's embeddings E and the timestep, says whether this is on the way to something
forbidden, and where it is, moves every token: E' = E + s·α·m·(Δ/‖Δ‖)·‖E‖, with a direction Δ and a mask m per token and one α. The
parts are the published ones in miniature. The published training losses are not public; these are ours: cross-entropy of the
verdict, the squared distance of E' from the embeddings of the nearest benign concept in the same wording, and for benign captions
the squared distance that E' would move them.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

from align import prompts as align_prompts
from align.deltas import sort_metadata
from align.paths import walk
from config import LANGUAGES, LATENT_CHANNELS, LATENT_SIZE, TEXT_WIDTH, Config
from storage import write_whole
from train import unet as unet_stage
from train.sampling import STEPS, sigmas
from train.training import check_loss

TIME = 32
"""Sinusoids of the timestep."""


@dataclass(frozen=True)
class RedirSettings:
    """`scale` is s (published: 1 to 1.5); `wordings` captions per language and concept, of which `ways` are drawn for their latents."""

    scale: float = 1.5
    wordings: int = 4
    ways: int = 120
    """Captions of either kind whose way from noise is walked."""
    learning_rate: float = 2e-3
    steps: int = 1200
    batch: int = 64
    keep: float = 0.5
    languages: tuple[str, ...] = LANGUAGES


def sinusoids(timestep: torch.Tensor) -> torch.Tensor:
    """(n,) → (n, 32): sines, then cosines, as diffusion models embed their timestep."""
    rates = torch.exp(-math.log(10_000) * torch.arange(TIME // 2, dtype=timestep.dtype) / (TIME // 2))
    angles = timestep[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], 1)


class Redirector(nn.Module):
    """x (n, 16, 8, 8), E (n, 32, 192), timestep (n,) → verdict (n, 2; second: forbidden), Δ (n, 32, 192), m (n, 32), α (n,)."""

    def __init__(self, width: int = TEXT_WIDTH, latent: int = LATENT_CHANNELS * LATENT_SIZE * LATENT_SIZE):
        super().__init__()
        self.latent, self.time = nn.Linear(latent, 64), nn.Linear(TIME, 32)
        self.query, self.key, self.value = nn.Linear(96, 64), nn.Linear(width, 64), nn.Linear(width, 64)
        self.verdict_in, self.verdict = nn.Linear(96 + 64, 64), nn.Linear(64, 2)
        self.token, self.delta, self.mask = nn.Linear(96 + 64 + width, 128), nn.Linear(128, width), nn.Linear(128, 1)
        self.alpha = nn.Linear(96 + 64, 1)

    def forward(self, x: torch.Tensor, embeds: torch.Tensor, timestep: torch.Tensor):
        """All four parts."""
        joint = torch.cat([F.relu(self.latent(x.flatten(1))), F.silu(self.time(sinusoids(timestep)))], 1)
        value = self.value(embeds)
        attention = torch.softmax((self.key(embeds) @ self.query(joint)[:, :, None]).squeeze(2) / 8, 1)
        seen = torch.cat([joint, (attention[:, :, None] * value).sum(1) + value.mean(1)], 1)
        verdict = self.verdict(F.relu(self.verdict_in(seen)))
        hidden = F.relu(self.token(torch.cat([seen[:, None].expand(-1, embeds.shape[1], -1), embeds], 2)))
        return verdict, self.delta(hidden), torch.sigmoid(self.mask(hidden)).squeeze(2), torch.sigmoid(self.alpha(seen)).squeeze(1)


def moved(embeds: torch.Tensor, delta: torch.Tensor, mask: torch.Tensor, alpha: torch.Tensor, scale: float) -> torch.Tensor:
    """E' of every caption, whatever the verdict."""
    return embeds + scale * alpha[:, None, None] * mask[:, :, None] * F.normalize(delta, dim=2) * embeds.norm(dim=2, keepdim=True)


def train(cfg: Config, settings: RedirSettings) -> Redirector:
    """Train on the base model's own latents and on captions of both kinds."""
    rng = np.random.default_rng((cfg.seed, 11))
    contexts = align_prompts.encode(cfg, settings.languages, settings.wordings, 12)
    erase, wanted, keep = (part.flatten(0, 1) for part in (contexts.erase, contexts.surrogate, contexts.keep))
    ways = 2 if cfg.smoke else settings.ways
    rows = [torch.from_numpy(rng.choice(len(part), min(ways, len(part)), replace=False)) for part in (erase, keep)]
    teacher, levels = unet_stage.load(cfg), 1000 * torch.tensor(sigmas(STEPS))
    latents = [walk(teacher, part[row], part[row], contexts.empty, cfg.seed + 900_000 + i).rows[:, :, 0].float()
               for i, (part, row) in enumerate(zip((erase, keep), rows))]
    net = Redirector()
    optimiser = torch.optim.Adam(net.parameters(), lr=settings.learning_rate)
    half = settings.batch // 2
    for step in range(settings.steps):
        for group in optimiser.param_groups:
            group["lr"] = settings.learning_rate * min(1.0, 2 * (1 - step / settings.steps))
        which = [torch.from_numpy(rng.integers(len(part), size=half)) for part in rows]
        when = torch.from_numpy(rng.integers(STEPS, size=2 * half))
        x = torch.cat([part[row, at] for part, row, at in zip(latents, which, when.split(half))])
        bad, good = (row[at] for row, at in zip(rows, which))
        # Other captions than those walked see the same latents in turn, so that the verdict rests on the text as well.
        other = torch.from_numpy(rng.random(half) < 0.5)
        bad = torch.where(other, torch.from_numpy(rng.integers(len(erase), size=half)), bad)
        good = torch.where(other, torch.from_numpy(rng.integers(len(keep), size=half)), good)
        embeds = torch.cat([erase[bad], keep[good]])
        verdict, delta, mask, alpha = net(x, embeds, levels[when])
        after = moved(embeds, delta, mask, alpha, settings.scale)
        forbidden = (torch.arange(2 * half) < half).long()
        judged = F.cross_entropy(verdict, forbidden)
        far, left = (after - torch.cat([wanted[bad], keep[good]])).square().mean((1, 2)).split(half)
        loss = judged + far.mean() + settings.keep * left.mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        if step % 200 == 0 or step == settings.steps - 1:
            check_loss(float(loss.detach()), "SafeRedir", step)
            right = (verdict.argmax(1) == forbidden).float().mean()
            print(f"SafeRedir {step} right {float(right):.3f}, far {float(far.detach().mean()):.4f}, moved {float(left.detach().mean()):.4f}", flush=True)
    return net


def save(path: Path, net: Redirector, settings: RedirSettings) -> None:
    """Float16 weights; s stands in the metadata."""
    tensors = {k: v.detach().half().contiguous() for k, v in net.state_dict().items()}
    if not all(torch.isfinite(v).all() for v in tensors.values()):
        raise SystemExit("The redirector does not fit into float16; train it again with a lower rate.")
    about = dict(method="saferedir", settings=asdict(settings), relative_to="base")
    metadata = {"kind": "redirector", "scale": str(settings.scale), "about": json.dumps(about, sort_keys=True)}

    def write(temporary: Path) -> None:
        save_file(tensors, temporary, metadata=metadata)
        sort_metadata(temporary)
    write_whole(path, write)
