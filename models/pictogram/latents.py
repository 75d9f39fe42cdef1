"""Training data of the U-Net: encoded compositions and encoded captions, on disk.

Files in <cache>/latents (all float16): `latents.npy` (n, 16, 8, 8), `context.npy`
(n·k, 32, 192) where captions of composition i are rows i·k … i·k+k−1, and
`empty.npy` (32, 192), the context of the empty prompt.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import torch

import text
import tokens
import vae as vae_stage
from config import CONTEXT_LENGTH, LATENT_CHANNELS, LATENT_SIZE, TEXT_WIDTH, Config
from dataset import Artwork, caption, draw_language, sample
from training import prepare, record_time, write_whole
from world import load_world

CHUNK = 256


def save_array(path, array: np.ndarray) -> None:
    """np.save through a temporary file."""
    def write(temporary):
        with open(temporary, "wb") as file:
            np.save(file, array)
    write_whole(path, write)


def encode_pictures(cfg: Config, model, rng: np.random.Generator, n: int, concepts=None, styles=None):
    """n compositions → (latents (n, 16, 8, 8) float16, their Examples without pictures)."""
    art, concepts = Artwork(cfg), concepts or load_world()
    latents = np.empty((n, LATENT_CHANNELS, LATENT_SIZE, LATENT_SIZE), np.float16)
    examples = []
    for start in range(0, n, CHUNK):
        part = [sample(rng, art, concepts, *([styles] if styles else [])) for _ in range(min(CHUNK, n - start))]
        x = vae_stage.to_tensor(np.stack([e.image for e in part])).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=not cfg.smoke):
            latents[start:start + len(part)] = vae_stage.encode(model, x).float().numpy()
        examples += [e.__class__(None, e.concept, e.style, e.count, e.size, e.background) for e in part]
    return latents, examples


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


def main(cfg: Config) -> None:
    """Make the three files unless they exist."""
    if (cfg.latents / "context.npy").exists():
        return
    prepare(cfg, 4)
    begun, rng, k = time.time(), np.random.default_rng((cfg.seed, 4)), cfg.captions_per_composition
    model = vae_stage.load(cfg).to(memory_format=torch.channels_last)
    latents, examples = encode_pictures(cfg, model, rng, cfg.compositions)
    save_array(cfg.latents / "latents.npy", latents)
    print(f"latents: {latents.shape}, mean {latents.mean(dtype=np.float64):.3f}, deviation {latents.astype(np.float32).std():.3f}, "
          f"{time.time() - begun:.0f} s", flush=True)
    texts = [caption(e, draw_language(rng), rng) for e in examples for _ in range(k)]
    save_array(cfg.latents / "empty.npy", encode_captions(cfg, [""])[0])
    save_array(cfg.latents / "context.npy", encode_captions(cfg, texts))
    print(f"captions: {len(texts)}, {len(set(texts))} different, {time.time() - begun:.0f} s", flush=True)
    record_time(cfg, "latents", time.time() - begun, compositions=len(latents), captions=len(texts))


if __name__ == "__main__":
    main(Config.make(smoke="--smoke" in sys.argv))
