"""Training data of the U-Net: encoded compositions and encoded captions, on disk.

Files in <cache>/latents (all float16): `latents.npy` (n, 16, 8, 8), `context.npy`
(n·k, 32, 192) where captions of composition i are rows i·k … i·k+k−1, and
`empty.npy` (32, 192), the context of the empty prompt.
"""

from __future__ import annotations

import sys
import time
from itertools import islice

import numpy as np
import torch

from config import CONTEXT_LENGTH, LATENT_CHANNELS, LATENT_SIZE, STYLES, TEXT_WIDTH, Config
from storage import record_time, write_whole
from train import text, tokens, vae as vae_stage
from train.training import prepare
from world.concepts import load_world
from world.dataset import Artwork, caption, draw_language, sample

CHUNK = 256


def save_array(path, array: np.ndarray) -> None:
    """np.save through a temporary file."""
    def write(temporary):
        with open(temporary, "wb") as file:
            np.save(file, array)
    write_whole(path, write)


def examples_of(cfg: Config, n: int, concepts: list, styles: tuple, key: int):
    """The n compositions of a data set, one after another; the same again for the same key."""
    rng, art = np.random.default_rng((cfg.seed, key)), Artwork(cfg)
    return (sample(rng, art, concepts, styles) for _ in range(n))


def encode_pictures(cfg: Config, n: int, concepts: list, styles: tuple, key: int) -> np.ndarray:
    """Compositions → latents (n, 16, 8, 8) float16."""
    model = vae_stage.load(cfg).to(memory_format=torch.channels_last)
    latents = np.empty((n, LATENT_CHANNELS, LATENT_SIZE, LATENT_SIZE), np.float16)
    stream = examples_of(cfg, n, concepts, styles, key)
    for start in range(0, n, CHUNK):
        part = np.stack([e.image for e in islice(stream, CHUNK)])
        x = vae_stage.to_tensor(part).contiguous(memory_format=torch.channels_last)
        latents[start:start + len(part)] = vae_stage.encode(model, x).numpy()
    return latents


def encode_captions(cfg: Config, texts: list[str]) -> np.ndarray:
    """Captions → contexts (n, 32, 192) float16; equal captions are encoded once."""
    unique = sorted(set(texts), key=lambda t: (len(t), t))
    model, tokenizer = text.load(cfg), tokens.load(cfg)
    context = np.empty((len(unique), CONTEXT_LENGTH, TEXT_WIDTH), np.float16)
    for start in range(0, len(unique), CHUNK):
        part = unique[start:start + CHUNK]
        context[start:start + len(part)] = text.embed(model, tokenizer, part).numpy()
    where = {t: i for i, t in enumerate(unique)}
    return context[[where[t] for t in texts]]


def write_captions(cfg: Config) -> None:
    """Make `empty.npy` and `context.npy`; needs the text encoder only."""
    if (cfg.latents / "context.npy").exists():
        return
    prepare(cfg, 4)
    begun, rng, k = time.time(), np.random.default_rng((cfg.seed, 4, 1)), cfg.captions_per_composition
    examples = examples_of(cfg, cfg.compositions, load_world(), STYLES, 4)
    texts = [caption(e, draw_language(rng), rng) for e in examples for _ in range(k)]
    save_array(cfg.latents / "empty.npy", encode_captions(cfg, [""])[0])
    save_array(cfg.latents / "context.npy", encode_captions(cfg, texts))
    print(f"captions: {len(texts)}, {len(set(texts))} different, {time.time() - begun:.0f} s", flush=True)
    record_time(cfg, "captions", time.time() - begun, captions=len(texts))


def write_pictures(cfg: Config) -> None:
    """Make `latents.npy`; needs the autoencoder only."""
    if (cfg.latents / "latents.npy").exists():
        return
    prepare(cfg, 4)
    begun = time.time()
    latents = encode_pictures(cfg, cfg.compositions, load_world(), STYLES, 4)
    save_array(cfg.latents / "latents.npy", latents)
    print(f"latents: {latents.shape}, mean {latents.mean(dtype=np.float64):.3f}, deviation {latents.astype(np.float32).std():.3f}, "
          f"{time.time() - begun:.0f} s", flush=True)
    record_time(cfg, "latents", time.time() - begun, compositions=len(latents))


def main(cfg: Config) -> None:
    """Make the three files unless they exist."""
    write_captions(cfg)
    write_pictures(cfg)


if __name__ == "__main__":
    settings = Config.make(smoke="--smoke" in sys.argv, **({"threads": 1} if "--one-thread" in sys.argv else {}))
    stages = {"--captions": write_captions, "--pictures": write_pictures}
    next((stage for flag, stage in stages.items() if flag in sys.argv), main)(settings)
