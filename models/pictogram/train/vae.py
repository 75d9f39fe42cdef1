"""The autoencoder: diffusers' AutoencoderKL, 64×64×3 ↔ 8×8×16, about 1.7 M parameters.

Loss: L1 + squared error + gradient (edge) L1 + small KL. Afterwards the latents' mean and standard
deviation are measured and stored as shift_factor and scaling_factor, so that
(latent − shift) · scale has mean 0 and deviation 1, as in Stable Diffusion 3.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import torch
from diffusers import AutoencoderKL

from config import IMAGE_SIZE, LATENT_CHANNELS, Config
from storage import record_time
from train.mixed import half_precision
from train.training import Checkpoint, check_loss, decay, prepare
from world.concepts import load_world
from world.dataset import Artwork, sample

LEARNING_RATE = 1.5e-3
KL_WEIGHT = 1e-4
INITIAL_LOGVAR = -8.0
"""The posterior starts narrow: at deviation 1 this small decoder learns to ignore the latents."""
EDGE_WEIGHT = 0.5
CHANNELS = (16, 32, 64, 96)
STATISTICS_IMAGES = 512


def build() -> AutoencoderKL:
    """A fresh autoencoder; the decoder is light at full resolution, because it runs in WASM."""
    vae = AutoencoderKL(
        in_channels=3, out_channels=3, down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4, block_out_channels=CHANNELS, layers_per_block=1,
        latent_channels=LATENT_CHANNELS, norm_num_groups=8, sample_size=IMAGE_SIZE, mid_block_add_attention=False,
    )
    with torch.no_grad():
        vae.quant_conv.bias[LATENT_CHANNELS:] = INITIAL_LOGVAR
    return vae


def to_tensor(images: np.ndarray) -> torch.Tensor:
    """(n, 64, 64, 3) uint8 → (n, 3, 64, 64) float32 in [−1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float().div_(127.5).sub_(1)


def to_images(pictures: torch.Tensor) -> np.ndarray:
    """(n, 3, 64, 64) in [−1, 1] → (n, 64, 64, 3) uint8."""
    return pictures.float().add(1).mul(127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1).cpu().numpy()


def edges(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Horizontal and vertical differences of neighbouring pixels."""
    return x[..., 1:] - x[..., :-1], x[..., 1:, :] - x[..., :-1, :]


def loss_of(vae: AutoencoderKL, x: torch.Tensor) -> torch.Tensor:
    """Reconstruction, edge and KL terms for pictures x in [−1, 1]."""
    moments = vae.encoder(x)
    moments = vae.quant_conv(moments).float()
    mean, logvar = moments.chunk(2, dim=1)
    logvar = logvar.clamp(-30, 20)
    z = mean + torch.randn_like(mean) * torch.exp(0.5 * logvar)
    y = vae.decoder(vae.post_quant_conv(z)).float()
    kl = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).mean()
    edge = sum((a - b).abs().mean() for a, b in zip(edges(y), edges(x)))
    error = y - x
    return error.abs().mean() + error.square().mean() + EDGE_WEIGHT * edge + KL_WEIGHT * kl


@torch.no_grad()
def encode(vae: AutoencoderKL, x: torch.Tensor) -> torch.Tensor:
    """Pictures in [−1, 1] → normalised posterior means (n, 16, 8, 8)."""
    return (vae.encode(x).latent_dist.mean - vae.config.shift_factor) * vae.config.scaling_factor


@torch.no_grad()
def decode(vae: AutoencoderKL, latents: torch.Tensor) -> torch.Tensor:
    """Normalised latents (n, 16, 8, 8) → pictures in [−1, 1]."""
    return vae.decode(latents / vae.config.scaling_factor + vae.config.shift_factor).sample


def load(cfg: Config) -> AutoencoderKL:
    """The trained autoencoder, in evaluation mode."""
    return AutoencoderKL.from_pretrained(cfg.models / "vae").eval()


def main(cfg: Config) -> None:
    """Train (or resume) and save `models/vae`."""
    if (cfg.models / "vae" / "config.json").exists():
        return
    prepare(cfg, 1)
    art, concepts, vae = Artwork(cfg), load_world(), build()
    vae = vae.to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(vae.parameters(), lr=LEARNING_RATE, weight_decay=1e-3, betas=(0.9, 0.98))
    checkpoint, start, begun = Checkpoint(cfg, "vae"), 0, time.time()
    if state := checkpoint.load():
        vae.load_state_dict(state["model"]), optimiser.load_state_dict(state["optimiser"])
        start = state["step"]
    for step in range(start, cfg.vae_steps):
        rng = np.random.default_rng((cfg.seed, 1, step))
        x = to_tensor(np.stack([sample(rng, art, concepts).image for _ in range(cfg.vae_batch)]))
        for group in optimiser.param_groups:
            group["lr"] = LEARNING_RATE * decay(step, cfg.vae_steps)
        with half_precision():
            loss = loss_of(vae, x.contiguous(memory_format=torch.channels_last))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimiser.step()
        if step % 50 == 0:
            check_loss(float(loss), "the autoencoder", step)
            print(f"vae {step} loss {float(loss):.4f} {time.time() - begun:.0f} s", flush=True)
        checkpoint.save_when_due(
            lambda: {"model": vae.state_dict(), "optimiser": optimiser.state_dict(), "step": step + 1})
    finish(cfg, vae.eval(), art, concepts)
    checkpoint.remove()
    record_time(cfg, "vae", checkpoint.elapsed(), steps=cfg.vae_steps, images=cfg.vae_steps * cfg.vae_batch)


@torch.no_grad()
def finish(cfg: Config, vae: AutoencoderKL, art: Artwork, concepts: list) -> None:
    """Measure the latents' shift and scale, store them in the config, save the folder."""
    rng = np.random.default_rng((cfg.seed, 1, -1 % 2**32))
    x = to_tensor(np.stack([sample(rng, art, concepts).image for _ in range(STATISTICS_IMAGES)]))
    latents = vae.encode(x).latent_dist.mean
    vae.register_to_config(shift_factor=float(latents.mean()), scaling_factor=float(1 / latents.std()))
    error = (vae.decode(latents).sample - x).abs().mean()
    print(f"vae: shift {latents.mean():.4f}, scale {1 / latents.std():.4f}, mean absolute error {error:.4f} of 2", flush=True)
    vae.to(memory_format=torch.contiguous_format).save_pretrained(cfg.models / "vae")


if __name__ == "__main__":
    main(Config.make(smoke="--smoke" in sys.argv, **({"threads": 1} if "--one-thread" in sys.argv else {})))
