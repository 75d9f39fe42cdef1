"""Drawing pictures with the trained model: rectified flow, Euler steps, classifier-free guidance.

Convention (diffusers' FlowMatchEulerDiscreteScheduler): x_t = (1−σ)·x₀ + σ·noise, the model
predicts v = noise − x₀ at timestep 1000·σ, and a step is x ← x + (σ′ − σ)·v.
"""

from __future__ import annotations

import numpy as np
import torch

from config import LATENT_CHANNELS, LATENT_SIZE

STEPS = 8
GUIDANCE = 4.0
BATCH = 64


def sigmas(steps: int) -> list[float]:
    """steps + 1 noise levels from 1 to 0, evenly spaced."""
    return [1 - i / steps for i in range(steps + 1)]


def noise_for(seeds: list[int]) -> torch.Tensor:
    """One starting noise (16, 8, 8) per seed, from a generator of its own."""
    shape = (LATENT_CHANNELS, LATENT_SIZE, LATENT_SIZE)
    return torch.stack([torch.randn(shape, generator=torch.Generator().manual_seed(s)) for s in seeds])


@torch.no_grad()
def draw_latents(unet, context: torch.Tensor, empty: torch.Tensor, seeds: list[int],
                 steps: int = STEPS, guidance: float = GUIDANCE) -> torch.Tensor:
    """Contexts (n, 32, 192) → latents (n, 16, 8, 8). `empty` is the (32, 192) context of the empty prompt."""
    levels, done = sigmas(steps), []
    for start in range(0, len(context), BATCH):
        c = context[start:start + BATCH].float()
        x = noise_for(seeds[start:start + BATCH])
        both = torch.cat([empty.float().expand_as(c), c])
        for now, then in zip(levels, levels[1:]):
            time = torch.full((2 * len(x),), 1000 * now)
            free, bound = unet(torch.cat([x, x]), time, both).sample.float().chunk(2)
            x = x + (then - now) * (free + guidance * (bound - free))
        done.append(x)
    return torch.cat(done)


def tile(images: np.ndarray, columns: int) -> np.ndarray:
    """(n, h, w, 3) → one picture, row by row; missing cells are white."""
    n, h, w, _ = images.shape
    rows = -(-n // columns)
    sheet = np.full((rows * columns, h, w, 3), 255, np.uint8)
    sheet[:n] = images
    return sheet.reshape(rows, columns, h, w, 3).transpose(0, 2, 1, 3, 4).reshape(rows * h, columns * w, 3)
