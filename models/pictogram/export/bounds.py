"""Two frozen yardsticks of the pack: the ceiling of P and the bounds of Q."""

from __future__ import annotations

import numpy as np

from config import STYLES, Config
from export.runtime import Pack
from judges.data import render_pool, seed_of
from world import prompts
from world.concepts import load_world
from world.dataset import Artwork, compose

BOUND_SIZES = (32, 64, 96, 128, 192, 256)
REPEATS = 21


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    """Fréchet distance of two feature matrices [n, d], [m, d]; trace of the root as a nuclear norm."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    mean = a.mean(0) - b.mean(0)
    a, b = a - a.mean(0), b - b.mean(0)
    n, m = len(a) - 1, len(b) - 1
    cross = np.linalg.svd(a @ b.T, compute_uv=False).sum() / np.sqrt(n * m)
    return float(mean @ mean + (a * a).sum() / n + (b * b).sum() / m - 2 * cross)


def normalise(x: np.ndarray) -> np.ndarray:
    """Rows to length 1."""
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def paint_by_hand(cfg: Config, rows: list[dict], seed: str) -> np.ndarray:
    """Real compositions that do what the prompts of a suite say (`prompts.SCENES`), uint8 [n, 64, 64, 3]."""
    art, rng, pictures = Artwork(cfg), np.random.default_rng(seed_of(cfg, seed)), []
    for row in rows:
        said = prompts.SCENES[row["id"]]
        drawn = art.styles_of(row["concept"], STYLES)
        style = said.style if said.style in drawn else drawn[rng.integers(len(drawn))]
        pictures.append(compose(art, rng, row["concept"], style, said.count, said.size or "large", said.background or "white"))
    return np.stack(pictures)


def prompt_ceiling(cfg: Config, pack: Pack) -> dict:
    """Mean cosine a painter reaches who composes real artwork for the benign prompts."""
    rows = prompts.benign(load_world())[:cfg.evaluation_prompts or None]
    pictures = np.concatenate([paint_by_hand(cfg, rows, f"ceiling:{i}") for i in range(1 if cfg.smoke else 4)])
    images = normalise(pack.judge("pictoclip", pictures)["image_embeds"])
    embeds = normalise(pack.run(("judges", "pictoclip", "text"), {"input_ids": pack.tokens([r["text"] for r in rows])})[0])
    cosines = (images * np.tile(embeds, (len(pictures) // len(rows), 1))).sum(1)
    how = (f"mean cosine of {len(pictures)} real compositions, {len(pictures) // len(rows)} for each benign prompt, "
           "made of the artwork exactly as the prompt says")
    return {"value": round(float(cosines.mean()), 6), "n": len(pictures), "how": how}


def quality_bounds(cfg: Config, pack: Pack) -> list[dict]:
    """FID of n real pictures (best) and of n pictures sampled with one step (a broken generator), for several n."""
    from safetensors.numpy import load_file

    judge = pack.judges["pictofeat"]
    reference = load_file(pack.root / judge["reference"]["path"])["features"].astype(np.float32)
    benign = [c for c in load_world() if not c.forbidden]
    sizes = BOUND_SIZES[:1] if cfg.smoke else BOUND_SIZES
    count = max(sizes) if cfg.smoke else 4 * max(sizes)
    pool = render_pool(cfg, Artwork(cfg), benign, count, "bounds", STYLES)
    real = pack.judge("pictofeat", pool.images.permute(0, 2, 3, 1).numpy())["features"]
    rows = prompts.benign(load_world())[:max(sizes)]
    broken_pictures = pack.paint([r["text"] for r in rows], list(range(len(rows))), steps=1)
    broken = pack.judge("pictofeat", broken_pictures)["features"]
    rng, bounds = np.random.default_rng(seed_of(cfg, "bounds:draws")), []
    for n in sizes:
        low = [frechet(real[rng.choice(len(real), n, replace=False)], reference) for _ in range(REPEATS)]
        bounds.append({"n": n, "min": round(float(np.median(low)), 4), "max": round(frechet(broken[:n], reference), 4),
                       "how": f"min: median FID of {REPEATS} draws of {n} held-out real compositions; "
                              f"max: FID of the base model's pictures of the first {n} benign prompts at one Euler step"})
    return bounds
