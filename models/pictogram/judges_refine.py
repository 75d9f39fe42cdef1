"""Go on with trained safety judges at a fraction of the cost: `python judges_refine.py`.

Both safety judges stand on the same first convolutions. Those are kept; their outputs are computed once
for a few disturbed copies of every picture of the pool, and only what follows is trained on: the last
block of pictoguard-cnn, the transformer of pictoguard-vit. First without one style, on which recall and
false positives are then measured (leave one style out: no choice ever looks at the held-out style),
then with all. Pictoclip stands on pictoguard-cnn's trunk, so its projection follows.
"""

from __future__ import annotations

import copy
import json
import sys
import time
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

import judges
import judges_train as train
import vae as vae_stage
from config import Config
from judges_data import (
    CAPTIONED_STYLES, ILLEGIBLE, TRAINING_STYLES, JudgeArtwork, Pool, augment, family_targets, illegible, render_pool, seed_of, shared_pool,
)
from judges_nets import ConceptNet, ResNet
from training import record_time, write_whole
from world import load_world

COPIES = 3
"""Disturbed copies of every picture."""
LEFT_OUT = "streamline-emojis"
"""Package left out in the first part: a style neither the networks before nor any setting has seen."""
STEPS = {"pictoguard-cnn": (700, 1_300), "pictoguard-vit": (350, 700)}
"""Steps without the style left out, and with all styles."""
RATE = 1e-3
BATCH = 64
FALSE_POSITIVES = (0.005, 0.01, 0.02)


@dataclass
class Features:
    """`maps` bfloat16 [n, 96, 8, 8] of pictures; `target` the class [n]; `style` [n] in TRAINING_STYLES, −1 for non-pictures."""

    maps: torch.Tensor
    target: torch.Tensor
    style: torch.Tensor


class Late(nn.Module):
    """What follows the shared convolutions: maps → concept logits."""

    def __init__(self, net: ConceptNet):
        super().__init__()
        self.net = net
        early = ("trunk.stem", "trunk.norm", "trunk.blocks.0", "trunk.blocks.1") if isinstance(net.trunk, ResNet) else ("trunk.stem", "trunk.convs")
        for name, weight in net.named_parameters():
            weight.requires_grad_(not name.startswith(early))

    def forward(self, maps):
        return self.net.concept(self.net.drop(self.net.trunk.late(maps)))


@torch.no_grad()
def early_maps(trunk: ResNet, x: torch.Tensor) -> torch.Tensor:
    """Pictures in 0–1 → bfloat16 maps of the shared convolutions."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return trunk.early(train.normalise(x)).bfloat16()


def features(cfg: Config, trunk: ResNet, pool: Pool, copies: int) -> Features:
    """`copies` disturbed versions of the pool, a share of them non-pictures; 0 copies: the pool as it is."""
    g, nothing = torch.Generator().manual_seed(seed_of(cfg, "refine")), len(load_world())
    trunk, maps, targets, styles = trunk.eval().to(memory_format=torch.channels_last), [], [], []
    style = torch.tensor([TRAINING_STYLES.index(e.style) for e in pool.examples])
    for _ in range(max(1, copies)):
        for k, rows in enumerate(torch.randperm(len(pool.images), generator=g).split(128)):
            x, target, drawn = pool.images[rows].float() / 255, pool.concept[rows].clone(), style[rows].clone()
            bad = int(len(rows) * train.ILLEGIBLE_SHARE) if copies else 0
            x = augment(x, g) if copies else x
            if bad:
                x[:bad] = illegible(ILLEGIBLE[k % len(ILLEGIBLE)], x[:bad], g, pool.halfway)
                target[:bad], drawn[:bad] = nothing, -1
            maps.append(early_maps(trunk, x))
            targets.append(target)
            styles.append(drawn)
    return Features(torch.cat(maps), torch.cat(targets), torch.cat(styles))


def train_late(cfg: Config, name: str, net: ConceptNet, data: Features, rows: torch.Tensor, steps: int, part: str) -> ConceptNet:
    """Cross-entropy on stored maps; the network in evaluation mode, weights averaged over the run."""
    loop = train.Loop(cfg, f"{name}-{part}", Late(net), steps, RATE)
    for _ in loop:
        chosen = rows[torch.randint(len(rows), (BATCH,), generator=loop.g)]
        logits = train.half(loop.module, data.maps[chosen])
        loop.update(F.cross_entropy(logits, data.target[chosen], label_smoothing=0.05))
    return loop.finish().net


def left_out_rates(nets: dict[str, ConceptNet], data: Features) -> dict:
    """Recall at fixed false-positive rates on the undisturbed style left out, by judge and by OR."""
    families, harmful = family_targets(load_world()), family_targets(load_world())[data.target].sum(1) > 0
    table, score = {"n": len(data.target), "nHarmful": int(harmful.sum())}, {}
    for name, net in nets.items():
        with torch.no_grad():
            logits = torch.cat([train.half(net.concept, train.half(net.trunk.late, part)) for part in data.maps.split(256)])
        score[name] = (torch.softmax(logits, 1)[:, :-1] @ families).max(1).values
        table[name] = {"top1": round(float((logits.argmax(1) == data.target).float().mean()), 4)}
    ranks = torch.stack([(s[:, None] <= s[~harmful][None]).float().mean(1) for s in score.values()])
    score["or"] = 1 - ranks.min(0).values
    for name, s in score.items():
        recalls = {str(q): round(float((s[harmful] > torch.quantile(s[~harmful], 1 - q)).float().mean()), 4) for q in FALSE_POSITIVES}
        table[name] = {**table.get(name, {}), "recallAtFalsePositives": recalls}
    return table


def refit_projection(pair: nn.Module, trunk: ResNet, maps: torch.Tensor) -> nn.Module:
    """Pictoclip on the new trunk: the projection that gives the old embeddings there (least squares, ridge)."""
    old = pair.image
    with torch.no_grad():
        target = torch.cat([F.normalize(old.project(train.half(old.trunk.late, part)), dim=-1) for part in maps.split(256)])
        given = torch.cat([train.half(trunk.late, part) for part in maps.split(256)])
        gram = given.T @ given
        ridge = 1e-4 * gram.diagonal().mean() * torch.eye(len(gram))
        old.project.weight.copy_(torch.linalg.solve(gram + ridge, given.T @ target).T)
        old.trunk.load_state_dict(trunk.state_dict())
    return pair


def refine(cfg: Config) -> dict:
    """Train both judges and fit pictoclip to them; returns the figures of the style left out."""
    begun, world = time.time(), load_world()
    nets: dict[str, ConceptNet] = {name: judges.load(cfg, name) for name in STEPS}
    nets["pictoguard-vit"].trunk.start_from(nets["pictoguard-cnn"].trunk)
    first, art = copy.deepcopy(nets["pictoguard-cnn"].trunk), JudgeArtwork(cfg)
    pool = shared_pool(cfg, art, world, judges.pool_size(cfg), vae_stage.load(cfg))
    data = features(cfg, first, pool, 1 if cfg.smoke else COPIES)
    print(f"features of {len(data.target)} pictures, {time.process_time():.0f} s of processor time", flush=True)
    apart = tuple(s for s in TRAINING_STYLES if s.startswith(LEFT_OUT))
    unseen = features(cfg, first, render_pool(cfg, art, world, 64 if cfg.smoke else 1_500, "left-out", apart), 0)
    outside = torch.tensor([i in {TRAINING_STYLES.index(s) for s in apart} for i in range(len(TRAINING_STYLES))])
    kept = torch.nonzero(~(outside[data.style] & (data.style >= 0))).flatten()
    figures = {"style": LEFT_OUT, "before": left_out_rates(nets, unseen)}
    print(json.dumps(figures["before"]), flush=True)
    for part, rows in enumerate((kept, torch.arange(len(data.target)))):
        for name, net in nets.items():
            nets[name] = train_late(cfg, name, net, data, rows, 2 if cfg.smoke else STEPS[name][part], str(part))
        figures[("without", "with")[part]] = left_out_rates(nets, unseen)
        print(json.dumps(figures), flush=True)
    common = torch.nonzero((data.style >= 0) & (data.style < len(CAPTIONED_STYLES))).flatten()
    pair = refit_projection(judges.load(cfg, "pictoclip"), nets["pictoguard-cnn"].trunk, data.maps[common[:12_000]])
    for name, net in {**nets, "pictoclip": pair}.items():
        state = net.to(memory_format=torch.contiguous_format).state_dict()
        write_whole(judges.path_of(cfg, name), lambda p, state=state: torch.save(state, p))
    for name in STEPS:
        for part in "01":
            train.forget(cfg, f"{name}-{part}")
    record_time(cfg, "judges_refine", time.time() - begun)
    return figures


if __name__ == "__main__":
    torch.set_num_threads(1)
    config = Config.make(smoke="--smoke" in sys.argv)
    found = refine(config)
    write_whole(config.models / "judges" / "left-out.json", lambda p: p.write_text(json.dumps(found, indent=1) + "\n", "utf8"))
