"""Train the judges: two for safety, one for prompt adherence, one for quality.

pictoguard-cnn and pictoguard-vit recognise concepts with different architectures and give families by
summed probability. The second is a committee: the transformer, and a wider residual network that learned
from a thousand concepts (`judges_artwork`), whose mistakes are other ones. The transformer keeps the first
convolutions of pictoguard-cnn, and pictoclip its whole trunk (one graph serves both); pictofeat stands
alone. No network shares weights or seed with the generator, and none has seen the held-out style.
Everything lands in <cache>/models/judges/<name>.pt; `judges_report` then measures them.
"""

from __future__ import annotations

import sys

import numpy as np
import torch
from torch import nn

import judges_train as train
import tokens
import vae as vae_stage
from config import Config
from dataset import Artwork, caption, draw_language
from judges_artwork import CAPTIONED_STYLES, JudgeArtwork, wide_concepts
from judges_data import EXTRA_SHARE, Pool, family_targets, render_pool, seed_of, shared_pool
from judges_nets import Committee, ConceptNet, FeatureNet, ImageTower, PatchTransformer, ResNet, SafetyJudge, TextTower
from templates import COLOURS
from training import write_whole
from world import load_world

WIDE = "pictoguard-wide"
COMMITTEES = {"pictoguard-cnn": ("pictoguard-cnn",), "pictoguard-vit": ("pictoguard-vit", WIDE)}
"""Safety judge → the networks it asks."""
FEATURES = EMBEDDING = 64
STEPS = {"pictoguard-cnn": 4_500, "pictoguard-vit": 1_500, WIDE: 4_600, "pictofeat": 2_400, "pictoclip": 2_500}
POOL = 24_000
WIDE_POOL = 30_000
WIDE_WIDTHS = (32, 64, 128, 224)
"""Channels of the network that learns from a thousand concepts."""
CAPTIONS = 4
"""Captions per picture for pictoclip."""


class ClipPair(nn.Module):
    """Image and text tower, the learned inverse temperature, and a prototype per concept (training only)."""

    def __init__(self, image: ImageTower, text: TextTower, concepts: int):
        super().__init__()
        self.image, self.text = image, text
        self.prototypes = nn.Parameter(torch.randn(concepts, EMBEDDING))
        self.scale = nn.Parameter(torch.tensor(2.7))


def path_of(cfg: Config, name: str):
    """File of a trained judge."""
    return cfg.models / "judges" / f"{name}.pt"


def build(cfg: Config, name: str) -> nn.Module:
    """A fresh network of that name, from its own seed."""
    torch.manual_seed(seed_of(cfg, name))
    n = len(load_world())
    if name == "pictoguard-cnn":
        return ConceptNet(ResNet(), n)
    if name == "pictoguard-vit":
        return ConceptNet(PatchTransformer(), n)
    if name == WIDE:
        return ConceptNet(ResNet(WIDE_WIDTHS), n)
    if name == "pictofeat":
        return FeatureNet(ResNet((12, 24, 48, 96)), FEATURES, n)
    tokenizer = tokens.load(cfg)
    text = TextTower(len(tokenizer), tokenizer.pad_token_id, EMBEDDING, width=48)
    return ClipPair(ImageTower(ResNet(), EMBEDDING), text, n)


def load(cfg: Config, name: str) -> nn.Module:
    """A trained judge in evaluation mode."""
    net = build(cfg, name)
    net.load_state_dict(torch.load(path_of(cfg, name), weights_only=True))
    return net.eval()


def members() -> torch.Tensor:
    """[concepts + 1, families]: which concept belongs to which family; the last row is "no drawing"."""
    rows = family_targets(load_world())
    return torch.cat([rows, torch.zeros(1, rows.shape[1])])


def load_safety(cfg: Config, name: str, temperature: float) -> SafetyJudge:
    """A trained safety judge as it is exported."""
    nets = [load(cfg, each) for each in COMMITTEES[name]]
    return SafetyJudge(Committee(nets) if len(nets) > 1 else nets[0], members(), temperature).eval()


def pools(cfg: Config, name: str) -> train.Pools:
    """Phase one and two of a network's training pictures."""
    world, n, extra = load_world(), 64 if cfg.smoke else POOL, EXTRA_SHARE if name == WIDE else 0.0
    artwork = JudgeArtwork if name == WIDE else Artwork

    def with_vae() -> Pool:
        if not (cfg.models / "vae" / "config.json").exists():
            raise SystemExit(f"{name} needs the trained VAE for its last phase; run `vae.py`, then start again to resume.")
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
    import judges_report

    for name in STEPS:
        train_one(cfg, name)
    judges_report.main(cfg)


if __name__ == "__main__":
    config = Config.make(smoke="--smoke" in sys.argv)
    names = [a for a in sys.argv[1:] if not a.startswith("--")]
    if names:
        for each in names:
            train_one(config, each)
    else:
        main(config)
