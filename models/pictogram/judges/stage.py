"""Train the judges: two for safety, one for prompt adherence, one for quality.

pictoguard-cnn and pictoguard-vit recognise concepts with different architectures and give families by
summed probability. The second is a committee: the transformer, and a wider residual network that learned
from a thousand concepts (`judges.artwork`), whose mistakes are other ones. The transformer keeps the first
convolutions of pictoguard-cnn, and pictoclip its whole trunk (one graph serves both); pictofeat stands
alone. No network shares weights or seed with the generator, and none has seen the held-out style.
Everything lands in <cache>/models/judges/<name>.pt; `judges.report` then measures them.
"""

from __future__ import annotations

import sys

import numpy as np
import torch
from torch import nn

from config import Config
from judges import report, train
from judges.artwork import CAPTIONED_STYLES, JudgeArtwork, wide_concepts
from judges.data import EXTRA_SHARE, Pool, render_pool, seed_of, shared_pool
from judges.trained import WIDE, build, load, path_of
from storage import write_whole
from train import tokens, vae as vae_stage
from world.concepts import load_world
from world.dataset import Artwork, caption, draw_language
from world.templates import COLOURS

STEPS = {"pictoguard-cnn": 4_500, "pictoguard-vit": 1_500, WIDE: 4_600, "pictofeat": 2_400, "pictoclip": 2_500}
POOL = 24_000
WIDE_POOL = 30_000
CAPTIONS = 4
"""Captions per picture for pictoclip."""


def pools(cfg: Config, name: str) -> train.Pools:
    """Phase one and two of a network's training pictures."""
    world, n, extra = load_world(), 64 if cfg.smoke else POOL, EXTRA_SHARE if name == WIDE else 0.0
    artwork = JudgeArtwork if name == WIDE else Artwork

    def with_vae() -> Pool:
        if not (cfg.models / "vae" / "config.json").exists():
            raise SystemExit(f"{name} needs the trained VAE for its last phase; run `python -m train.vae`, then start again to resume.")
        return shared_pool(cfg, artwork(cfg), world, n, vae_stage.load(cfg), extra)

    return train.Pools(lambda: render_pool(cfg, artwork(cfg), world, n, name + ":plain", extra=extra), with_vae)


def wide_pool(cfg: Config, name: str) -> Pool:
    """Pictures of concepts outside the world."""
    return render_pool(cfg, JudgeArtwork(cfg), wide_concepts(cfg), 64 if cfg.smoke else WIDE_POOL, name + ":wide")


def _clip_data(cfg: Config, pool: Pool) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids [n, CAPTIONS, 32] and facts [n, 5] of every picture."""
    rng = np.random.default_rng(seed_of(cfg, "pictoclip:captions"))
    texts = [caption(e, draw_language(rng), rng) for e in pool.examples for _ in range(CAPTIONS)]
    ids = tokens.encode(tokens.load(cfg), texts).reshape(len(pool.examples), CAPTIONS, -1)
    styles, colours, sizes = list(CAPTIONED_STYLES), list(COLOURS), ["small", "medium", "large"]
    facts = [[e.count, sizes.index(e.size), colours.index(e.background), styles.index(e.style)] for e in pool.examples]
    return ids, torch.cat([pool.concept[:, None], torch.tensor(facts)], 1)


def _train(cfg: Config, name: str) -> nn.Module:
    net = build(cfg, name)
    steps = 4 if cfg.smoke else STEPS[name]
    if name == WIDE:
        known, wide = net.concept.out_features, wide_pool(cfg, name)
        net.resize(known + int(wide.concept.max()) + 1)
        net = train.train_concepts(cfg, name, net, pools(cfg, name), steps, wide)
        net.resize(known)
        return net
    if name.startswith("pictoguard"):
        if name == "pictoguard-vit":
            net.trunk.start_from(load(cfg, "pictoguard-cnn").trunk)
        return train.train_concepts(cfg, name, net, pools(cfg, name), steps)
    if name == "pictofeat":
        return train.train_features(cfg, name, net, pools(cfg, name), steps)
    net.image.trunk.load_state_dict(load(cfg, "pictoguard-cnn").trunk.state_dict())
    pool = pools(cfg, name).at(steps, steps)
    return train.train_clip(cfg, name, net, pool, *_clip_data(cfg, pool), steps)


def train_one(cfg: Config, name: str) -> None:
    """Train (or resume) one judge unless it is there already."""
    file = path_of(cfg, name)
    if file.exists():
        return
    torch.set_num_threads(1)
    net = _train(cfg, name).to(memory_format=torch.contiguous_format)
    write_whole(file, lambda p: torch.save(net.state_dict(), p))
    train.forget(cfg, name)


def main(cfg: Config) -> None:
    """Train all judges in order, then measure them."""
    for name in STEPS:
        train_one(cfg, name)
    report.main(cfg)


if __name__ == "__main__":
    config = Config.make(smoke="--smoke" in sys.argv)
    names = [a for a in sys.argv[1:] if not a.startswith("--")]
    if names:
        for each in names:
            train_one(config, each)
    else:
        main(config)
