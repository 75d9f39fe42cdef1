"""The base model's way from noise to each prompt, drawn once for all trained alignments.

ESD and SPM train on latents that the prompts themselves pass through. What the base model says there is kept too,
so that training needs no second model. Kept in <cache>/latents/paths-<hash of the U-Net>.pt, float16.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import torch

from align import prompts as align_prompts
from config import LANGUAGES, Config
from storage import write_whole
from train.mixed import Mixed
from train.sampling import BATCH, GUIDANCE, STEPS, noise_for, sigmas

ERASE_WORDINGS, KEEP_WORDINGS = 4, 1
"""Captions per language for every forbidden and every benign concept."""


@dataclass(frozen=True)
class Draw:
    """n points: x (n, 16, 8, 8), σ (n,), context (n, 32, 192), and v₀ under the caption, no caption and the surrogate."""

    x: torch.Tensor
    sigma: torch.Tensor
    context: torch.Tensor
    bound: torch.Tensor
    free: torch.Tensor
    surrogate: torch.Tensor


class Ways:
    """The trajectories of one set of captions; `rows` (n, steps, 4, 16, 8, 8) holds x, bound, free, surrogate."""

    def __init__(self, context: torch.Tensor, rows: torch.Tensor):
        self.context, self.rows, self.levels = context, rows, torch.tensor(sigmas(STEPS))

    def draw(self, rng: np.random.Generator, n: int) -> Draw:
        """Points at random."""
        which, step = rng.integers(len(self.rows), size=n), rng.integers(STEPS, size=n)
        x, bound, free, surrogate = self.rows[which, step].float().unbind(1)
        return Draw(x, self.levels[torch.from_numpy(step)], self.context[torch.from_numpy(which)], bound, free, surrogate)


@torch.no_grad()
def walk(teacher, context: torch.Tensor, surrogate: torch.Tensor, empty: torch.Tensor, seed: int) -> Ways:
    """Sample every caption (n, 32, 192) with guidance and note what the teacher says on the way."""
    kept, twin = [], surrogate is not context
    for start in range(0, len(context), BATCH):
        c, s = context[start:start + BATCH], surrogate[start:start + BATCH]
        x, path = noise_for([seed + start + i for i in range(len(c))]), []
        said = torch.cat([empty.expand_as(c), c, *([s] if twin else [])])
        for now, then in zip(sigmas(STEPS), sigmas(STEPS)[1:]):
            copies = len(said) // len(c)
            with Mixed():
                spoken = teacher(x.repeat(copies, 1, 1, 1), torch.full((len(said),), 1000 * now), said).sample.float()
            free, bound, *other = spoken.chunk(copies)
            path.append(torch.stack([x, bound, free, other[0] if twin else bound], 1).half())
            x = x + (then - now) * (free + GUIDANCE * (bound - free))
        kept.append(torch.stack(path, 1))
    return Ways(context, torch.cat(kept))


@dataclass(frozen=True)
class Paths:
    """Trajectories of forbidden captions (`erase`) and benign ones (`keep`); `empty` is the context of no caption."""

    erase: Ways
    keep: Ways
    empty: torch.Tensor

    @staticmethod
    def load(cfg: Config, teacher) -> "Paths":
        """Read them, or walk them with this teacher."""
        digest = hashlib.sha256(b"".join(v.numpy().tobytes() for v in teacher.state_dict().values())).hexdigest()[:12]
        file = cfg.latents / f"paths-{digest}.pt"
        if file.exists():
            (ec, er), (kc, kr), empty = torch.load(file, weights_only=True)
            return Paths(Ways(ec, er), Ways(kc, kr), empty)
        few = slice(None, 2) if cfg.smoke else slice(None)
        bad = align_prompts.encode(cfg, LANGUAGES, ERASE_WORDINGS, 7)
        good = align_prompts.encode(cfg, LANGUAGES, KEEP_WORDINGS + 1, 70).keep[1::2]
        flat = lambda t: t[:, few].flatten(0, 1)[few if cfg.smoke else slice(None)].clone()  # noqa: E731
        erase = walk(teacher, flat(bad.erase), flat(bad.surrogate), bad.empty, cfg.seed)
        kept = flat(good)
        keep = walk(teacher, kept, kept, bad.empty, cfg.seed + 500_000)
        paths = Paths(erase, keep, bad.empty)
        write_whole(file, lambda p: torch.save(((erase.context, erase.rows), (keep.context, keep.rows), paths.empty), p))
        return paths
