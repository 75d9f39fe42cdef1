"""Optional second phase of the autoencoder: the decoder alone goes on training on the frozen latents.

The latents the U-Net learned stay valid, and pictures get sharper. A little noise on the latents
prepares the decoder for what a few sampling steps leave behind. `models/vae/refined` marks it done.
"""

from __future__ import annotations

import sys

import numpy as np
import torch

from config import STYLES, Config
from storage import record_time
from train import vae as vae_stage
from train.latents import examples_of
from train.mixed import half_precision
from train.training import Checkpoint, check_loss, decay, prepare
from world.concepts import load_world
from world.dataset import Artwork

LEARNING_RATE = 1.5e-3
LATENT_NOISE = 0.08
"""Deviation of the noise, in units of the normalised latents."""


def loss_of(vae, latents: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """The autoencoder's reconstruction terms for normalised latents (n, 16, 8, 8) and pictures x."""
    z = latents / vae.config.scaling_factor + vae.config.shift_factor
    y = vae.decoder(vae.post_quant_conv(z)).float()
    edge = sum((a - b).abs().mean() for a, b in zip(vae_stage.edges(y), vae_stage.edges(x)))
    return (y - x).abs().mean() + (y - x).square().mean() + vae_stage.EDGE_WEIGHT * edge


def main(cfg: Config) -> None:
    """Train (or resume) the decoder and save `models/vae` again, encoder unchanged."""
    done = cfg.models / "vae" / "refined"
    if done.exists():
        return
    prepare(cfg, 10)
    vae = vae_stage.load(cfg)
    latents = torch.from_numpy(np.load(cfg.latents / "latents.npy"))
    pictures = np.stack([e.image for e in examples_of(cfg, len(latents), load_world(), STYLES, 4)])
    weights = [*vae.decoder.parameters(), *vae.post_quant_conv.parameters()]
    vae.decoder.to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(weights, lr=LEARNING_RATE, weight_decay=1e-3, betas=(0.9, 0.98))
    checkpoint, start = Checkpoint(cfg, "decoder"), 0
    if state := checkpoint.load():
        vae.load_state_dict(state["model"]), optimiser.load_state_dict(state["optimiser"])
        start = state["step"]
    for step in range(start, cfg.decoder_steps):
        rng = np.random.default_rng((cfg.seed, 10, step))
        rows = rng.integers(len(latents), size=cfg.vae_batch)
        z = latents[rows].float()
        noise = torch.randn(z.shape, generator=torch.Generator().manual_seed(cfg.seed + 7_919 * step))
        for group in optimiser.param_groups:
            group["lr"] = LEARNING_RATE * decay(step, cfg.decoder_steps, tail=0.7)
        with half_precision():
            loss = loss_of(vae, z + LATENT_NOISE * noise, vae_stage.to_tensor(pictures[rows]))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        if step % 50 == 0:
            check_loss(float(loss.detach()), "the decoder", step)
            print(f"decoder {step} loss {float(loss.detach()):.4f} {checkpoint.elapsed():.0f} s", flush=True)
        checkpoint.save_when_due(
            lambda: {"model": vae.state_dict(), "optimiser": optimiser.state_dict(), "step": step + 1})
    vae.to(memory_format=torch.contiguous_format).save_pretrained(cfg.models / "vae")
    done.write_text(f"{cfg.decoder_steps} steps of {cfg.vae_batch}\n", "utf8")
    checkpoint.remove()
    record_time(cfg, "decoder", checkpoint.elapsed(), steps=cfg.decoder_steps, images=cfg.decoder_steps * cfg.vae_batch)


if __name__ == "__main__":
    main(Config.make(smoke="--smoke" in sys.argv, **({"threads": 1} if "--one-thread" in sys.argv else {})))
