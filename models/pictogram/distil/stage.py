"""The accelerator: one low-rank adapter that lets any variant of the U-Net draw a picture in two evaluations.

Reflow (Liu et al., ICLR 2023) with guidance inside (Meng et al., CVPR 2023): the student starts as its own teacher and
learns to reach, from the same noise in two Euler steps without guidance, the latents of the teacher's eight guided ones.
Both steps are trained together, so the second sees what the first really leaves. As LCM-LoRA (Luo et al., 2023), the
result is added to other variants. First it is trained on the base alone: what a person attaches who knows nothing of
alignment (fast-base.safetensors, `onBase` in accelerator.json). Then each batch trains base + variant + adapter on that
variant's own pairs, so that the one adapter leaves every variant as safe as it is (adapters/fast.safetensors of the pack).

`python -m distil.stage` draws the pairs, trains, resumes, and writes both, and the pack's accelerator.json.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from config import Config
from distil.lowrank import LowRank
from distil.pairs import Teacher, base_weights, difference, load_pairs, make_pairs, network
from export.pack import file_entry, pack_folder
from export.runtime import Pack
from storage import record_time
from train.mixed import Mixed
from train.sampling import noise_for
from train.training import Checkpoint, Ema, check_loss, decay, prepare

RANK = 16
EVALUATIONS = 2
"""Steps of the student; the page's scheduler gives them σ 1 and 0.5."""
SECOND_WEIGHT = 2.0
"""How much the finished picture weighs against the first step's own target."""
HELD = 64
"""Pairs per teacher that are only looked at."""
BASE_SHARE = 0.35
"""Share of the second phase's batches that train on the base; the others are spread evenly over the variants."""
VARIANTS = (("esd-x",), ("esd-x", "esd-x-standard-general"), ("spm",), ("spm", "spm-lite-general"), ("rece",), ("uce", "uce-moderate-general"))
"""The other variants of the pack, ESD-u and SalUn are never trained on: how well the sum holds there is measured."""


@dataclass(frozen=True)
class Phase:
    """One run: its name, peak learning rate, steps, and whether the variants take part."""

    name: str
    rate: float
    steps: int
    variants: bool


def phases(cfg: Config) -> tuple[Phase, Phase]:
    """The base alone, then all."""
    return Phase("fast-base", 1e-3, cfg.distil_base_steps, False), Phase("fast", 6e-4, cfg.distil_steps, True)


def teachers(cfg: Config, pack: Pack) -> tuple[Teacher, ...]:
    """The base, and those of VARIANTS that the pack holds."""
    chains = tuple(c for c in VARIANTS if set(c) <= set(pack.adapters))
    return (Teacher((), cfg.distil_base_pairs), *(Teacher(c, cfg.distil_pairs) for c in chains))


def two_steps(model, noise: torch.Tensor, context: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Latents that one step and both steps reach, (n, 16, 8, 8) each."""
    with Mixed():
        first = model(noise, torch.full((len(noise),), 1000.0), context, return_dict=False)[0].float()
    middle = noise - 0.5 * first
    with Mixed():
        second = model(middle, torch.full((len(noise),), 500.0), context, return_dict=False)[0].float()
    return noise - first, middle - 0.5 * second


def losses(model, noise: torch.Tensor, context: torch.Tensor, end: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean squared errors of one step and of both, in units of latents."""
    one, two = two_steps(model, noise, context)
    return (one - end).square().mean(), (two - end).square().mean()


@dataclass
class Course:
    """One teacher's pairs and what its adapters change."""

    name: str
    change: dict[str, torch.Tensor]
    pairs: dict[str, torch.Tensor]

    @property
    def held(self) -> int:
        """How many pairs at the start are never trained on."""
        return min(HELD, len(self.pairs["end"]) // 4)

    def batch(self, rows) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """noise, context, end of some rows."""
        rows = torch.as_tensor(rows)
        return noise_for(self.pairs["seed"][rows].tolist()), self.pairs["context"][rows].float(), self.pairs["end"][rows].float()

    def draw(self, rng: np.random.Generator, n: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Training rows at random."""
        return self.batch(rng.integers(self.held, len(self.pairs["end"]), size=n))


@torch.no_grad()
def watch(model, lora: LowRank, ema: Ema, courses: list[Course], step: int) -> None:
    """Print the errors on held pairs, with averaged factors."""
    ema.swap()
    said = []
    for course in courses:
        lora.compose(course.change)
        one, two = losses(model, *course.batch(range(course.held)))
        said.append(f"{course.name} {float(one):.3f}/{float(two):.3f}")
    ema.swap()
    print(f"held pairs at {step}, one step / two: {', '.join(said)}", flush=True)


def train(cfg: Config, pack: Pack, phase: Phase, taught: tuple[Teacher, ...], factors: list[torch.Tensor] | None) -> LowRank:
    """Train (or resume) one phase, from `factors` or from nothing; the answer holds averaged factors."""
    prepare(cfg, 60)
    base = base_weights(pack)
    model = network(cfg, base, {}).train()
    lora = LowRank(model, base, 2 if cfg.smoke else RANK, cfg.seed)
    parameters = lora.parameters()
    if factors:
        torch._foreach_copy_(parameters, factors)
    courses = [Course(t.name, difference(pack, base, t.chain), load_pairs(cfg, t)) for t in taught]
    others = len(courses) - 1
    shares = [BASE_SHARE, *[(1 - BASE_SHARE) / others] * others] if others else [1.0]
    optimiser = torch.optim.AdamW(parameters, lr=phase.rate, weight_decay=0.0, betas=(0.9, 0.99))
    ema, checkpoint, start = Ema(parameters, 0.995), Checkpoint(cfg, phase.name), 0
    if state := checkpoint.load():
        torch._foreach_copy_(parameters, state["parameters"]), optimiser.load_state_dict(state["optimiser"])
        ema.shadow, ema.updates, start = state["ema"], state["updates"], state["step"]
        ema.shadow = [s.clone() for s in ema.shadow]
    for step in range(start, phase.steps):
        rng = np.random.default_rng((cfg.seed, 61 + phase.variants, step))
        course = courses[rng.choice(len(courses), p=shares)]
        for group in optimiser.param_groups:
            group["lr"] = phase.rate * decay(step, phase.steps, warmup=50, tail=0.6)
        lora.compose(course.change)
        one, two = losses(model, *course.draw(rng, cfg.distil_batch))
        (one + SECOND_WEIGHT * two).backward()
        lora.pull()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        ema.update()
        if step % 25 == 0:
            check_loss(float(two.detach()), "the accelerator", step)
            print(f"{phase.name} {step} {course.name} {float(one.detach()):.3f}/{float(two.detach()):.3f}", flush=True)
        if step % 100 == 99:
            watch(model, lora, ema, courses, step + 1)
        checkpoint.save_when_due(lambda: {"parameters": parameters, "optimiser": optimiser.state_dict(), "ema": ema.shadow,
                                          "updates": ema.updates, "step": step + 1}, force=step + 1 == phase.steps)
    record_time(cfg, f"distil {phase.name}", checkpoint.elapsed(), steps=phase.steps)
    ema.swap()
    return lora


def write_row(pack: Pack, file: Path, on_base: Path, about: dict) -> None:
    """accelerator.json beside the manifest, which stays as it is: links and stored runs name the manifest by its hash.

    Figures of the same file are kept.
    """
    target = pack.root / "accelerator.json"
    row = {"schema": 1, "id": file.stem, "format": "lora", "file": file_entry(pack.root, file),
           "baseSha256": pack.model["unet"]["weights"]["sha256"], "steps": EVALUATIONS, "guidanceScale": 1, "settings": about}
    row["onBase"] = file_entry(pack.root, on_base)
    known = json.loads(target.read_text("utf8")) if target.exists() else {}
    same = all(known.get(key) == row[key] for key in ("file", "baseSha256"))
    row["measured"] = known["measured"] if same else None
    target.write_text(json.dumps(row, indent=1) + "\n", "utf8")


def main(cfg: Config) -> None:
    """Pairs, both phases, both files; skips what exists."""
    pack = Pack(pack_folder(cfg))
    begun, taught, factors = time.time(), teachers(cfg, pack), None
    for phase in phases(cfg):
        file = pack.root / "adapters" / f"{phase.name}.safetensors"
        chosen = taught if phase.variants else taught[:1]
        make_pairs(cfg, pack, chosen)
        about = {"rank": RANK, "steps": phase.steps, "rate": phase.rate, "batch": cfg.distil_batch,
                 "teachers": {t.name: len(load_pairs(cfg, t)["end"]) for t in chosen}}
        lora = train(cfg, pack, phase, chosen, factors)
        factors = [p.detach().clone() for p in lora.parameters()]
        lora.save(file, about)
        print(f"{file.name}: {file.stat().st_size / 1e6:.2f} MB, {time.time() - begun:.0f} s", flush=True)
    write_row(pack, file, pack.root / "adapters" / "fast-base.safetensors", about)


if __name__ == "__main__":
    main(Config.make(smoke="--smoke" in sys.argv))
