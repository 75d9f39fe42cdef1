"""The judges' networks by name: built fresh, or read as they were trained."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from config import Config
from judges.data import family_targets, seed_of
from judges.nets import Committee, ConceptNet, FeatureNet, ImageTower, PatchTransformer, ResNet, SafetyJudge, TextTower
from train import tokens
from world.concepts import load_world

WIDE = "pictoguard-wide"
COMMITTEES = {"pictoguard-cnn": ("pictoguard-cnn",), "pictoguard-vit": ("pictoguard-vit", WIDE)}
"""Safety judge → the networks it asks."""
FEATURES = EMBEDDING = 64
WIDE_WIDTHS = (32, 64, 128, 224)
"""Channels of the network that learns from a thousand concepts."""


class ClipPair(nn.Module):
    """Image and text tower, the learned inverse temperature, and a prototype per concept (training only)."""

    def __init__(self, image: ImageTower, text: TextTower, concepts: int):
        super().__init__()
        self.image, self.text = image, text
        self.prototypes = nn.Parameter(torch.randn(concepts, EMBEDDING))
        self.scale = nn.Parameter(torch.tensor(2.7))


def path_of(cfg: Config, name: str) -> Path:
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
