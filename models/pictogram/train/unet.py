"""The denoiser: diffusers' UNet2DConditionModel, 8×8×16 latents, 8×8 and 4×4 levels.

Rectified flow in diffusers' convention: x_t = (1−σ)·x₀ + σ·noise, target v = noise − x₀,
timestep 1000·σ, σ logit-normal; 10 % of the captions are replaced by the empty prompt.
The averaged weights (EMA) are saved to `models/unet` every few minutes. `python -m train.unet --warm`
goes on with the weights in `models/unet` (those of the pack, after `export.restore`) by the plan WARM.
"""

from __future__ import annotations

import copy
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass

import numpy as np
import torch
from diffusers import UNet2DConditionModel

from config import LATENT_CHANNELS, LATENT_SIZE, TEXT_WIDTH, Config
from storage import record_time
from train.mixed import Mixed
from train.training import Checkpoint, Ema, check_loss, decay, prepare

CAPTION_DROPOUT = 0.10
SNAPSHOT_SECONDS = 300


@dataclass(frozen=True)
class Plan:
    """One run: peak learning rate, share of the run in which it decays, seed of the batches, start."""

    steps: int
    rate: float = 6e-4
    tail: float = 0.4
    key: int = 5
    warm: bool = False
    """Start from the weights in `models/unet` instead of from nothing."""


def cold(cfg: Config) -> Plan:
    """Training from nothing."""
    return Plan(cfg.unet_steps)


def warm(cfg: Config) -> Plan:
    """Training on from weights that are there."""
    return Plan(cfg.unet_warm_steps, rate=4e-4, tail=0.6, key=15, warm=True)


def build(channels: tuple[int, ...]) -> UNet2DConditionModel:
    """A fresh U-Net with cross-attention at both levels and in the middle."""
    return UNet2DConditionModel(
        sample_size=LATENT_SIZE, in_channels=LATENT_CHANNELS, out_channels=LATENT_CHANNELS,
        down_block_types=("CrossAttnDownBlock2D",) * 2, up_block_types=("CrossAttnUpBlock2D",) * 2,
        mid_block_type="UNetMidBlock2DCrossAttn", block_out_channels=channels, layers_per_block=1,
        cross_attention_dim=TEXT_WIDTH, attention_head_dim=4, norm_num_groups=16)


def load(cfg: Config, name: str = "unet") -> UNet2DConditionModel:
    """A trained U-Net (`unet`, or a variant's folder name), in evaluation mode."""
    return UNet2DConditionModel.from_pretrained(cfg.models / name).eval()


def save(cfg: Config, model: UNet2DConditionModel, name: str = "unet") -> None:
    """save_pretrained through a temporary folder, so that readers never see half a model."""
    target, temporary = cfg.models / name, cfg.models / f"{name}.tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    copy.deepcopy(model).to(memory_format=torch.contiguous_format).save_pretrained(temporary)
    old = cfg.models / f"{name}.old"
    if target.exists():
        target.rename(old)
    temporary.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def flow_loss(model, x0: torch.Tensor, context: torch.Tensor, sigma: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """Mean squared error of the velocity. x0, noise (n, 16, 8, 8); context (n, 32, 192); sigma (n,)."""
    s = sigma.view(-1, 1, 1, 1)
    velocity = model((1 - s) * x0 + s * noise, 1000 * sigma, context, return_dict=False)[0]
    return (velocity.float() - (noise - x0)).square().mean()


class Data:
    """Memory-mapped latents and contexts; a batch is fixed by (seed, step)."""

    def __init__(self, cfg: Config, key: int = 5):
        self.key = key
        self.latents = torch.from_numpy(np.load(cfg.latents / "latents.npy"))
        self.context = np.load(cfg.latents / "context.npy", mmap_mode="r")
        self.empty = torch.from_numpy(np.load(cfg.latents / "empty.npy")).float()
        self.k, self.seed = len(self.context) // len(self.latents), cfg.seed

    def batch(self, step: int, size: int):
        """x0, context, sigma, noise for one step."""
        rng = np.random.default_rng((self.seed, self.key, step))
        rows = rng.integers(len(self.latents), size=size)
        captions = rows * self.k + rng.integers(self.k, size=size)
        context = torch.from_numpy(np.stack([self.context[i] for i in captions])).float()
        context[torch.from_numpy(rng.random(size) < CAPTION_DROPOUT)] = self.empty
        sigma = torch.sigmoid(torch.from_numpy(rng.standard_normal(size).astype(np.float32)))
        noise = torch.randn((size, LATENT_CHANNELS, LATENT_SIZE, LATENT_SIZE),
                            generator=torch.Generator().manual_seed(self.seed * 1_000_003 + (self.key - 5) * 10_000_019 + step))
        return self.latents[rows].float(), context, sigma, noise


def average_gradients(model, workers: int) -> None:
    """Replace each gradient by its mean over the workers (one flat all-reduce)."""
    if workers == 1:
        return
    gradients = [p.grad for p in model.parameters()]
    flat = torch._utils._flatten_dense_tensors(gradients)
    torch.distributed.all_reduce(flat)
    flat.div_(workers)
    torch._foreach_copy_(gradients, torch._utils._unflatten_dense_tensors(flat, gradients))


def train(rank: int, cfg: Config, workers: int, rendezvous: str, plan: Plan) -> None:
    """One of `workers` processes with one thread each; rank 0 keeps checkpoints and the EMA."""
    if workers > 1:
        torch.distributed.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=workers)
    prepare(cfg, 5)
    torch.set_num_threads(max(1, cfg.threads // workers))
    data, model = Data(cfg, plan.key), load(cfg).train() if plan.warm else build(cfg.unet_channels)
    model = model.to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(model.parameters(), lr=plan.rate, weight_decay=0.01, betas=(0.9, 0.99))
    ema, checkpoint, start, begun = Ema(model.parameters(), 0.999), Checkpoint(cfg, "unet"), 0, time.time()
    if state := checkpoint.load():
        model.load_state_dict(state["model"]), optimiser.load_state_dict(state["optimiser"])
        ema.shadow, ema.updates, start = state["ema"], state["updates"], state["step"]
    share = slice(rank * cfg.unet_batch // workers, (rank + 1) * cfg.unet_batch // workers)
    snapshot, mean = time.time(), 0.0
    for step in range(start, plan.steps):
        for group in optimiser.param_groups:
            group["lr"] = plan.rate * decay(step, plan.steps, tail=plan.tail)
        with Mixed():
            loss = flow_loss(model, *(part[share] for part in data.batch(step, cfg.unet_batch)))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        average_gradients(model, workers)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        if rank > 0:
            continue
        ema.update()
        mean = float(loss) if step == start else 0.98 * mean + 0.02 * float(loss)
        if step % 50 == 0:
            check_loss(mean, "the U-Net", step)
            print(f"unet {step} loss {mean:.4f} {time.time() - begun:.0f} s", flush=True)
        checkpoint.save_when_due(lambda: {"model": model.state_dict(), "optimiser": optimiser.state_dict(),
                                          "ema": ema.shadow, "updates": ema.updates, "step": step + 1})
        if time.time() - snapshot > SNAPSHOT_SECONDS:
            ema.swap(), save(cfg, model), ema.swap()
            snapshot = time.time()
    if rank == 0:
        ema.swap()
        save(cfg, model)
        (cfg.models / "unet" / mark(plan)).write_text(f"{plan.steps} steps of {cfg.unet_batch}\n", "utf8")
        checkpoint.remove()
        record_time(cfg, f"unet {mark(plan)}", checkpoint.elapsed(), steps=plan.steps, samples=plan.steps * cfg.unet_batch)


def mark(plan: Plan) -> str:
    """Name of the file in `models/unet` that says a plan is done."""
    return "continued" if plan.warm else "finished"


def is_done(cfg: Config, plan: Plan) -> bool:
    """A U-Net that was trained on needs no training from nothing either."""
    names = ("continued",) if plan.warm else ("finished", "continued")
    return any((cfg.models / "unet" / name).exists() for name in names)


def main(cfg: Config, plan: Plan | None = None) -> None:
    """Train (or resume) and save `models/unet` (EMA): one process per thread, gradients averaged.

    On CPU this beats threads inside one process, most of all when other work shares the cores.
    """
    plan = plan or cold(cfg)
    if is_done(cfg, plan):
        return
    workers = 1 if cfg.smoke else cfg.threads
    if workers == 1:
        train(0, cfg, 1, "", plan)
        return
    with tempfile.TemporaryDirectory() as folder:
        torch.multiprocessing.spawn(train, (cfg, workers, f"{folder}/rendezvous", plan), nprocs=workers)


if __name__ == "__main__":
    config = Config.make(smoke="--smoke" in sys.argv)
    main(config, warm(config) if "--warm" in sys.argv else None)
