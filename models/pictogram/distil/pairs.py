"""What the accelerator learns from: noise and the picture the guided sampler makes of it.

A teacher is the U-Net of the pack, alone or with adapters of the pack added. Each pair holds a caption as the
generator was trained on (five languages, benign and forbidden concepts, some empty), the seed of the noise, and the
latents after the full sampler's eight steps with guidance. Kept in <cache>/pairs, one file per teacher and chunk.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from config import STYLES, Config
from export.restore import weights_of
from export.runtime import Pack, apply_adapter
from storage import write_whole
from train import latents, unet
from train.mixed import Mixed
from train.sampling import BATCH, GUIDANCE, STEPS, noise_for, sigmas
from world.concepts import load_world
from world.dataset import COUNT_SHARES, COUNTS, SIZE_SHARES, SIZES, WHITE_SHARE, Example, caption, draw_language
from world.templates import COLOURS

CHUNK = 512
"""Pairs in one file."""
FORBIDDEN_SHARE = 0.35
EMPTY_SHARE = 0.04
FIRST_SEED = 1_000_000
"""Seeds of training noise start here; measurements count from 0."""


@dataclass(frozen=True)
class Teacher:
    """Adapters of the pack added one after another (none: the base), and how many pairs it draws."""

    chain: tuple[str, ...]
    pairs: int

    @property
    def name(self) -> str:
        """How its files are called."""
        return self.chain[-1] if self.chain else "base"


def base_weights(pack: Pack) -> dict[str, torch.Tensor]:
    """The U-Net's weights as the pack holds them, in float32."""
    return weights_of(pack.root, "unet")


def difference(pack: Pack, base: dict[str, torch.Tensor], chain: tuple[str, ...]) -> dict[str, torch.Tensor]:
    """What the adapters of `chain` change, for the weights they touch."""
    weights = {name: value.numpy().copy() for name, value in base.items()}
    for name in chain:
        row = pack.adapters[name]
        apply_adapter(weights, pack.root / row["file"]["path"], row["format"])
    changed = {name: torch.from_numpy(value) - base[name] for name, value in weights.items()}
    return {name: value for name, value in changed.items() if value.any()}


def network(cfg: Config, base: dict[str, torch.Tensor], change: dict[str, torch.Tensor]):
    """The U-Net with base weights + change."""
    model = unet.build(cfg.unet_channels)
    model.load_state_dict({name: value + change[name] if name in change else value for name, value in base.items()})
    return model.eval().to(memory_format=torch.channels_last)


def draw_caption(concepts: list, rng: np.random.Generator) -> str:
    """One training caption; what it describes is drawn as compositions are, but for the share of forbidden concepts."""
    if rng.random() < EMPTY_SHARE:
        return ""
    forbidden = rng.random() < FORBIDDEN_SHARE
    among = [c for c in concepts if c.forbidden == forbidden]
    concept = among[rng.integers(len(among))]
    others = [c for c in COLOURS if c != "white"]
    background = "white" if rng.random() < WHITE_SHARE else others[rng.integers(len(others))]
    scene = Example(np.empty(0), concept.id, STYLES[rng.integers(len(STYLES))], int(rng.choice(COUNTS, p=COUNT_SHARES)),
                    str(rng.choice(SIZES, p=SIZE_SHARES)), background)
    return caption(scene, draw_language(rng), rng)


@torch.no_grad()
def finish(teacher, context: torch.Tensor, empty: torch.Tensor, seeds: list[int]) -> torch.Tensor:
    """The guided sampler's latents (n, 16, 8, 8), products in mixed precision."""
    levels, done = sigmas(STEPS), []
    for start in range(0, len(context), BATCH // 2):
        c = context[start:start + BATCH // 2].float()
        x, both = noise_for(seeds[start:start + BATCH // 2]), torch.cat([empty.expand_as(c), c])
        for now, then in zip(levels, levels[1:]):
            with Mixed():
                said = teacher(torch.cat([x, x]), torch.full((2 * len(x),), 1000 * now), both).sample.float()
            free, bound = said.chunk(2)
            x = x + (then - now) * (free + GUIDANCE * (bound - free))
        done.append(x)
    return torch.cat(done)


def chunk_file(cfg: Config, teacher: Teacher, index: int) -> Path:
    """Where one chunk is."""
    return cfg.pairs / f"{teacher.name}-{index:03d}.pt"


def chunks_of(cfg: Config, teacher: Teacher) -> int:
    """How many chunks a teacher has."""
    return -(-teacher.pairs // min(CHUNK, teacher.pairs))


def make_chunk(cfg: Config, teacher: Teacher, index: int, model) -> None:
    """Draw one chunk unless it exists; captions and seeds follow from the teacher's name and the chunk."""
    file = chunk_file(cfg, teacher, index)
    if file.exists():
        return
    begun, n = time.time(), min(CHUNK, teacher.pairs)
    key = sum(teacher.name.encode()) % 997
    rng, concepts = np.random.default_rng((cfg.seed, 60, key, index)), load_world()
    context = torch.from_numpy(latents.encode_captions(cfg, [draw_caption(concepts, rng) for _ in range(n)]))
    empty = torch.from_numpy(latents.encode_captions(cfg, [""])[0]).float()
    first = FIRST_SEED + key * 100_000 + index * CHUNK
    end = finish(model, context, empty, [first + i for i in range(n)])
    write_whole(file, lambda p: torch.save({"context": context, "end": end.half(), "first": first}, p))
    print(f"pairs {file.stem}: {n} in {time.time() - begun:.0f} s", flush=True)


def make_pairs(cfg: Config, pack: Pack, teachers: tuple[Teacher, ...], share: slice = slice(None)) -> None:
    """Draw everything that is missing; `share` picks some of the chunks, for several processes."""
    base = base_weights(pack)
    for teacher in teachers:
        wanted = list(range(chunks_of(cfg, teacher)))[share]
        if all(chunk_file(cfg, teacher, i).exists() for i in wanted):
            continue
        model = network(cfg, base, difference(pack, base, teacher.chain))
        for index in wanted:
            make_chunk(cfg, teacher, index, model)


def load_pairs(cfg: Config, teacher: Teacher) -> dict[str, torch.Tensor]:
    """Everything drawn so far: context (n, 32, 192) and end (n, 16, 8, 8) in float16, seed (n,)."""
    parts = [torch.load(f, weights_only=True) for f in sorted(cfg.pairs.glob(f"{teacher.name}-[0-9][0-9][0-9].pt"))]
    return {"context": torch.cat([p["context"] for p in parts]), "end": torch.cat([p["end"] for p in parts]),
            "seed": torch.cat([p["first"] + torch.arange(len(p["end"])) for p in parts])}
