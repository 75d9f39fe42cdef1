"""The fast decoder: latents → picture at a fraction of the autoencoder's work, for the fast sampler.

After two evaluations of the U-Net, decoding at full resolution is the larger part of a picture. As TAESD (Bohan, 2023)
does for Stable Diffusion, a small plain convolutional network learns what the pack's decoder draws: no normalisation, no
layer at 64×64, the last step from 32×32 by sub-pixel shuffling (Shi et al., CVPR 2016). It learns from latents that the
fast sampler itself leaves, of the base and of the pack's variants, so it is asked only for what it has seen.

`python -m distil.decoder` draws the latents, trains, resumes, and writes fast_decoder/ and its row in accelerator.json.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
import torch
from torch import nn

from config import LATENT_CHANNELS, LATENT_SIZE, Config
from distil.pairs import draw_caption
from distil.stage import VARIANTS
from export.components import Case
from export.fast import FastPack
from export.pack import pack_folder
from export.runtime import Pack
from export.write import write_component
from storage import record_time, write_whole
from train.mixed import half_precision
from train.training import Checkpoint, Ema, check_loss, decay, prepare
from train.vae import EDGE_WEIGHT, edges
from world.concepts import load_world

FOLDER = "fast_decoder"
WIDTHS = (64, 48, 32)
"""Channels at 8×8, 16×16 and 32×32."""
LEARNING_RATE = 2e-3
BATCH = 32
HELD = 128
"""Latents per chain that are only looked at."""
FIRST_SEED = 3_000_000
"""Seeds of these latents start here; the accelerator's pairs count from 1,000,000, measurements from 0."""


class Residual(nn.Module):
    """Two convolutions around a skip."""

    def __init__(self, width: int):
        super().__init__()
        self.first, self.second = nn.Conv2d(width, width, 3, padding=1), nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x + self.second(torch.relu(self.first(x))))


class Grow(nn.Module):
    """Twice the side: nearest neighbour, then a convolution."""

    def __init__(self, width: int, to: int):
        super().__init__()
        self.conv = nn.Conv2d(width, to, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.conv(nn.functional.interpolate(x, scale_factor=2.0, mode="nearest")))


class FastDecoder(nn.Module):
    """(n, 16, 8, 8) latents as the pack's decoder takes them → (n, 3, 64, 64) in about [−1, 1]."""

    def __init__(self, widths: tuple[int, int, int] = WIDTHS):
        super().__init__()
        a, b, c = widths
        self.conv_in = nn.Conv2d(LATENT_CHANNELS, a, 3, padding=1)
        self.low = nn.Sequential(Residual(a), Residual(a))
        self.up1, self.middle = Grow(a, b), Residual(b)
        self.up2, self.high = Grow(b, c), Residual(c)
        self.conv_out = nn.Conv2d(c, 12, 3, padding=1)

    def forward(self, latent_sample: torch.Tensor) -> torch.Tensor:
        x = self.low(torch.relu(self.conv_in(latent_sample)))
        x = self.high(self.up2(self.middle(self.up1(x))))
        return nn.functional.pixel_shuffle(self.conv_out(x), 2)


def chains(cfg: Config, pack: Pack) -> list[tuple[tuple[str, ...], int]]:
    """Variants of the pack and how many latents each gives."""
    return [((), cfg.decoder_base_latents), *((c, cfg.decoder_latents) for c in VARIANTS if set(c) <= set(pack.adapters))]


def make_latents(cfg: Config, pack: FastPack, chain: tuple[str, ...], count: int) -> dict[str, torch.Tensor]:
    """Latents of the fast sampler, as the decoder takes them, and the pictures of the pack's decoder; made once."""
    name = chain[-1] if chain else "base"
    file = cfg.cache / "decoder" / f"{name}-{count}.pt"
    if not file.exists():
        begun, key = time.time(), sum(name.encode()) % 997
        rng, concepts = np.random.default_rng((cfg.seed, 62, key)), load_world()
        context = pack.encode([draw_caption(concepts, rng) for _ in range(count)])
        noise = pack.noise([FIRST_SEED + key * 100_000 + i for i in range(count)])
        z = pack.scaled(pack.denoise_fast(context, noise, chain))
        x = pack.run(("model", "vaeDecoder"), {"latent_sample": z}, chunk=32)[0].clip(-1, 1)
        pack.cached.cache_clear()
        write_whole(file, lambda p: torch.save({"z": torch.from_numpy(z).half(), "x": torch.from_numpy(x).half()}, p))
        print(f"latents {name}: {count} in {time.time() - begun:.0f} s", flush=True)
    return torch.load(file, weights_only=True)


def loss_of(net: nn.Module, z: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """The autoencoder's reconstruction terms against the pack's own decoder."""
    y = net(z).float()
    edge = sum((a - b).abs().mean() for a, b in zip(edges(y), edges(x)))
    return (y - x).abs().mean() + (y - x).square().mean() + EDGE_WEIGHT * edge


@torch.no_grad()
def held_error(net: nn.Module, z: torch.Tensor, x: torch.Tensor) -> float:
    """Mean absolute error in steps of 255."""
    return float((net(z).clip(-1, 1) - x).abs().mean()) * 127.5


def train(cfg: Config, data: list[dict[str, torch.Tensor]]) -> FastDecoder:
    """Train (or resume); the answer holds averaged weights."""
    prepare(cfg, 62)
    net = FastDecoder((8, 8, 8) if cfg.smoke else WIDTHS).to(memory_format=torch.channels_last)
    held = min(HELD, *(len(d["z"]) // 4 for d in data))
    z, x = torch.cat([d["z"][held:] for d in data]), torch.cat([d["x"][held:] for d in data])
    seen = [torch.cat([d[k][:held] for d in data]).float() for k in ("z", "x")]
    parameters = list(net.parameters())
    optimiser = torch.optim.AdamW(parameters, lr=LEARNING_RATE, weight_decay=1e-4, betas=(0.9, 0.99))
    ema, checkpoint, start = Ema(parameters, 0.995), Checkpoint(cfg, "fast-decoder"), 0
    if state := checkpoint.load():
        net.load_state_dict(state["model"]), optimiser.load_state_dict(state["optimiser"])
        ema.shadow, ema.updates, start = [s.clone() for s in state["ema"]], state["updates"], state["step"]
    for step in range(start, cfg.fast_decoder_steps):
        rows = torch.from_numpy(np.random.default_rng((cfg.seed, 63, step)).integers(len(z), size=BATCH))
        for group in optimiser.param_groups:
            group["lr"] = LEARNING_RATE * decay(step, cfg.fast_decoder_steps, warmup=50, tail=0.7)
        with half_precision():
            loss = loss_of(net, z[rows].float(), x[rows].float())
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        ema.update()
        if step % 100 == 0:
            check_loss(float(loss.detach()), "the fast decoder", step)
            ema.swap()
            print(f"fast decoder {step} loss {float(loss.detach()):.4f}, held {held_error(net, *seen):.2f}/255, {checkpoint.elapsed():.0f} s", flush=True)
            ema.swap()
        checkpoint.save_when_due(lambda: {"model": net.state_dict(), "optimiser": optimiser.state_dict(), "ema": ema.shadow,
                                          "updates": ema.updates, "step": step + 1}, force=step + 1 == cfg.fast_decoder_steps)
    record_time(cfg, "fast decoder", checkpoint.elapsed(), steps=cfg.fast_decoder_steps)
    ema.swap()
    print(f"fast decoder: held pictures differ by {held_error(net, *seen):.2f} of 255 on average", flush=True)
    return net.to(memory_format=torch.contiguous_format).eval()


def case(net: FastDecoder) -> Case:
    """How it is exported: ports as those of the pack's decoder."""
    return Case(net, {"latent_sample": torch.randn(2, LATENT_CHANNELS, LATENT_SIZE, LATENT_SIZE)}, ["sample"])


def main(cfg: Config) -> None:
    """Latents, training, export; the row of the accelerator names the decoder's files."""
    root = pack_folder(cfg)
    pack = FastPack(root, threads=cfg.threads)
    net = train(cfg, [make_latents(cfg, pack, chain, count) for chain, count in chains(cfg, pack)])
    target = root / "accelerator.json"
    row = json.loads(target.read_text("utf8"))
    component = write_component(root, FOLDER, case(net))
    row = {**{k: v for k, v in row.items() if k not in ("decoder", "measured")}, "decoder": component,
           "measured": row["measured"] if row.get("decoder") == component else None}
    target.write_text(json.dumps(row, indent=1) + "\n", "utf8")


if __name__ == "__main__":
    main(Config.make(smoke="--smoke" in sys.argv))
