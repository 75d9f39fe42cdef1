"""Pictures the judges learn from: real compositions, disturbed ones, and non-pictures.

A pool of compositions is rendered once (uint8); batches are drawn from it and augmented
in torch. Part of the pool passes through the generator's VAE, so that a judge knows its
blur; no picture made by the generator itself is ever used. `illegible` makes what a
broken generator would output (noise, blanks, half-denoised latents), labelled "no drawing".
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

from config import Config
from judges.artwork import CAPTIONED_STYLES, EXTRA_STYLES
from storage import write_whole
from train.mixed import half_precision
from world.concepts import FAMILIES, Concept
from world.dataset import Artwork, Example, sample

EXTRA_SHARE = 0.2
"""Share of a safety judge's pool that is drawn in EXTRA_STYLES."""

VAE_SHARE = 0.12
"""Share of the pool that passes through the VAE, if it is trained already."""


@dataclass
class Pool:
    """`images` uint8 [n, 3, 64, 64]; `concept` index into the world [n]; `examples` without pictures."""

    images: torch.Tensor
    concept: torch.Tensor
    examples: list[Example]
    halfway: torch.Tensor
    """Decoded noisy latents, uint8 [m, 3, 64, 64]: half-denoised pictures (empty without a VAE)."""


def seed_of(cfg: Config, name: str) -> int:
    """A seed per network and purpose, different from every seed of the generator's stages."""
    return (cfg.seed * 1_000_003 + zlib.crc32(f"judge:{name}".encode())) % 2**31


def render_pool(cfg: Config, art: Artwork, concepts: list[Concept], n: int, name: str, styles=CAPTIONED_STYLES, vae=None, extra: float = 0.0) -> Pool:
    """`n` compositions in `styles`, a share `extra` in EXTRA_STYLES; with `vae`, some of them decoded from their latents."""
    rng = np.random.default_rng(seed_of(cfg, name))
    examples = [sample(rng, art, concepts, EXTRA_STYLES if rng.random() < extra else styles) for _ in range(n)]
    images = torch.from_numpy(np.stack([e.image for e in examples])).permute(0, 3, 1, 2).contiguous()
    order = {c.id: i for i, c in enumerate(concepts)}
    concept = torch.tensor([order[e.concept] for e in examples])
    for i, e in enumerate(examples):
        examples[i] = Example(np.empty(0), e.concept, e.style, e.count, e.size, e.background)
    halfway = torch.empty(0, 3, 64, 64, dtype=torch.uint8)
    if vae is not None:
        m = int(n * VAE_SHARE)
        images[:m] = through_vae(vae, images[:m])
        halfway = through_vae(vae, images[-max(16, n // 40):], noise=torch.Generator().manual_seed(seed_of(cfg, name)))
        shuffled = torch.from_numpy(rng.permutation(n))
        images, concept, examples = images[shuffled], concept[shuffled], [examples[i] for i in shuffled]
    return Pool(images, concept, examples, halfway)


def shared_pool(cfg: Config, art: Artwork, concepts: list[Concept], n: int, vae, extra: float) -> Pool:
    """The pool of a judge's last phase; made once and kept in <cache>/judge-pool….pt."""
    name = "vae-extra" if extra else "vae"
    file = cfg.cache / f"judge-pool-{name}.pt"
    if file.exists():
        return Pool(**torch.load(file, weights_only=False))
    pool = render_pool(cfg, art, concepts, n, name, vae=vae, extra=extra)
    write_whole(file, lambda p: torch.save(vars(pool), p))
    return pool


@torch.no_grad()
def through_vae(vae, images: torch.Tensor, noise: torch.Generator | None = None, chunk: int = 128) -> torch.Tensor:
    """uint8 → latents → uint8; with `noise`, latents are mixed with 60–100 % Gaussian noise."""
    out = []
    vae = vae.to(memory_format=torch.channels_last)
    for start in range(0, len(images), chunk):
        x = (images[start:start + chunk].float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)
        with half_precision():
            latents = vae.encode(x).latent_dist.mean.float()
        if noise is not None:
            spread = latents.std()
            t = 0.6 + 0.4 * torch.rand(len(latents), 1, 1, 1, generator=noise)
            latents = (1 - t) * latents + t * spread * torch.randn(latents.shape, generator=noise)
        with half_precision():
            decoded = vae.decode(latents).sample.float()
        out.append(((decoded + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).contiguous())
    return torch.cat(out)


def family_targets(concepts: list[Concept]) -> torch.Tensor:
    """[concepts, families] of 0 and 1."""
    rows = torch.zeros(len(concepts), len(FAMILIES))
    for i, c in enumerate(concepts):
        if c.family:
            rows[i, FAMILIES.index(c.family)] = 1
    return rows


def blur(x: torch.Tensor, sigma: float) -> torch.Tensor:
    """Separable Gaussian blur of [n, c, h, w], edges repeated."""
    radius = max(1, int(3 * sigma))
    taps = torch.exp(-0.5 * (torch.arange(-radius, radius + 1) / sigma) ** 2)
    taps = (taps / taps.sum()).repeat(x.shape[1], 1)
    x = F.conv2d(F.pad(x, (radius, radius, 0, 0), "replicate"), taps[:, None, None], groups=x.shape[1])
    return F.conv2d(F.pad(x, (0, 0, radius, radius), "replicate"), taps[:, None, :, None], groups=x.shape[1])


def augment(x: torch.Tensor, g: torch.Generator, colour: bool = True, shape: bool = False) -> torch.Tensor:
    """Disturb pictures [n, 3, 64, 64] in 0–1: pose, colour, blur, resampling, noise, a cut-out.

    `shape` adds what tells one artist from another: bent outlines, thicker or thinner lines, other inks.
    """
    n = len(x)

    def uniform(low, high, *shape):
        return low + (high - low) * torch.rand(n, *shape, generator=g)

    angle, flip = uniform(-0.2, 0.2), torch.where(torch.rand(n, generator=g) < 0.25, -1.0, 1.0)
    scale_x, scale_y = uniform(0.85, 1.15), uniform(0.85, 1.15)
    matrix = torch.stack([
        torch.stack([scale_x * flip * angle.cos(), -scale_y * angle.sin(), uniform(-0.1, 0.1)], 1),
        torch.stack([scale_x * flip * angle.sin(), scale_y * angle.cos(), uniform(-0.1, 0.1)], 1),
    ], 1)
    grid = F.affine_grid(matrix, list(x.shape), False)
    if shape:
        cells = int(torch.randint(3, 7, (1,), generator=g))
        bend = torch.randn(n, 2, cells, cells, generator=g) * uniform(0, 0.09, 1, 1, 1)
        grid = grid + F.interpolate(bend, size=64, mode="bicubic").permute(0, 2, 3, 1)
    x = F.grid_sample(x, grid, "bilinear", "border", False)
    if shape:
        part = max(1, n // 8)
        x[-part:] = -F.max_pool2d(-x[-part:], 3, 1, 1)
        x[-2 * part:-part] = F.max_pool2d(x[-2 * part:-part], 3, 1, 1)
        inked = (torch.rand(n, generator=g) < 0.15).float()[:, None, None, None]
        low, high = uniform(0, 0.6, 3, 1, 1), uniform(0.5, 1, 3, 1, 1)
        x = x + inked * (low + (high - low) * x - x)
    if colour:
        strong = (torch.rand(n, generator=g) < 0.3).float()[:, None, None]
        mix = torch.eye(3) + strong * 0.2 * torch.randn(n, 3, 3, generator=g)
        grey = (torch.rand(n, generator=g) < 0.08).float()[:, None, None]
        mix = mix * (1 - grey) + grey / 3
        x = torch.einsum("nij,njhw->nihw", mix, x - 0.5) + 0.5
        x = (x - 0.5) * uniform(0.8, 1.15, 1, 1, 1) + 0.5 + uniform(-0.08, 0.08, 1, 1, 1)
    x = x.clamp(0, 1)
    quarter = max(1, n // 6)
    x[:quarter] = blur(x[:quarter], float(0.5 + 0.9 * torch.rand(1, generator=g)))
    small = F.interpolate(x[quarter:2 * quarter], size=int(torch.randint(24, 48, (1,), generator=g)), mode="bilinear", antialias=True)
    x[quarter:2 * quarter] = F.interpolate(small, size=64, mode="bilinear")
    part = x[2 * quarter:3 * quarter]
    coarse = F.interpolate(torch.randn(len(part), 3, 16, 16, generator=g), size=64, mode="bicubic")
    x[2 * quarter:3 * quarter] = part + 0.06 * coarse + 0.05 * torch.randn(part.shape, generator=g)
    for i in torch.nonzero(torch.rand(n, generator=g) < 0.1).flatten().tolist():
        side = int(torch.randint(8, 20, (1,), generator=g))
        top, left = torch.randint(0, 64 - side, (2,), generator=g).tolist()
        x[i, :, top:top + side, left:left + side] = torch.rand(3, 1, 1, generator=g)
    return x.clamp(0, 1)


ILLEGIBLE = ("noise", "constant", "smooth", "blurred", "mixed", "halfway", "shuffled")


def illegible(kind: str, x: torch.Tensor, g: torch.Generator, halfway: torch.Tensor | None = None) -> torch.Tensor:
    """Turn real pictures [n, 3, 64, 64] in 0–1 into non-pictures of one kind out of ILLEGIBLE."""
    n = len(x)
    noise = torch.randn(x.shape, generator=g)
    if kind == "halfway" and halfway is not None and len(halfway):
        return halfway[torch.randint(len(halfway), (n,), generator=g)].float() / 255
    if kind == "noise":
        return (0.5 + noise * (0.1 + 0.4 * torch.rand(n, 1, 1, 1, generator=g))).clamp(0, 1)
    if kind == "constant":
        return torch.rand(n, 3, 1, 1, generator=g).expand(-1, -1, 64, 64) + 0.004 * noise
    if kind == "smooth":
        cells = int(torch.randint(2, 14, (1,), generator=g))
        return F.interpolate(0.5 + 0.35 * torch.randn(n, 3, cells, cells, generator=g), size=64, mode="bicubic").clamp(0, 1)
    if kind == "blurred":
        return blur(x, float(6 + 6 * torch.rand(1, generator=g)))
    if kind == "shuffled":
        cells = x.unfold(2, 8, 8).unfold(3, 8, 8).reshape(n, 3, 64, 8, 8)[:, :, torch.randperm(64, generator=g)]
        return cells.reshape(n, 3, 8, 8, 8, 8).permute(0, 1, 2, 4, 3, 5).reshape(n, 3, 64, 64)
    t = 0.72 + 0.28 * torch.rand(n, 1, 1, 1, generator=g)
    return ((1 - t) * x + t * (0.5 + 0.4 * noise)).clamp(0, 1)
