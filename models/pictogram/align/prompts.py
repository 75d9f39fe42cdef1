"""What alignment says to the model: forbidden and benign concepts in the same wordings, and each one's neighbour.

Wordings are training templates (evaluation templates stay held out) with the training captions' mix of styles, sizes,
counts and backgrounds. The neighbour of a forbidden concept is the benign concept the text encoder finds most alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from config import STYLES, Config
from train import text, tokens
from world.concepts import Concept, load_world
from world.templates import COLOURS, TRAINING, phrase, thing


@dataclass(frozen=True)
class Wording:
    """One way to ask for any concept."""

    language: str
    template: str = "{}"
    count: int = 1
    size: str | None = None
    style: str | None = None
    background: str | None = None

    def say(self, concept: Concept) -> str:
        """The caption; the bare name where the wording is bare."""
        name = concept.names[self.language]
        subject = name if self == Wording(self.language) else thing(self.language, name, self.count, self.size)
        return phrase(self.language, self.template, subject, self.style, self.background)


def draw_wording(language: str, rng: np.random.Generator) -> Wording:
    """A training template; 40 % name a style, 40 % a background, 25 % a size, 15 % two things."""
    def sometimes(share: float, choices) -> str | None:
        chosen = choices[rng.integers(len(choices))]
        return chosen if rng.random() < share else None

    return Wording(language, sometimes(1.0, TRAINING[language]), 2 if rng.random() < 0.15 else 1,
                   sometimes(0.25, ("small", "medium", "large")), sometimes(0.4, STYLES), sometimes(0.4, [c for c in COLOURS if c != "white"]))


def draw_wordings(languages, count: int, rng: np.random.Generator) -> list[Wording]:
    """The bare name and `count − 1` others per language."""
    return [w for language in languages for w in (Wording(language), *(draw_wording(language, rng) for _ in range(count - 1)))]


@dataclass(frozen=True)
class Contexts:
    """Encoded captions: `erase` (wordings, forbidden, 32, 192), `keep` (wordings, benign, 32, 192), `empty` (32, 192)."""

    erase: torch.Tensor
    keep: torch.Tensor
    empty: torch.Tensor
    neighbour: torch.Tensor
    """Index into the benign concepts per forbidden one."""

    @property
    def surrogate(self) -> torch.Tensor:
        """The neighbours in the same wordings, shaped as `erase`."""
        return self.keep[:, self.neighbour]


def nearest_benign(erase: torch.Tensor, keep: torch.Tensor) -> torch.Tensor:
    """Cosine neighbours of mean token embeddings, what all concepts share in a wording taken off."""
    shared = torch.cat([erase, keep], 1).mean(1, keepdim=True)
    a, b = ((part - shared).mean((0, 2)) for part in (erase, keep))
    return (torch.nn.functional.normalize(a, dim=1) @ torch.nn.functional.normalize(b, dim=1).T).argmax(1)


def encode(cfg: Config, languages, count: int, key: int) -> Contexts:
    """All concepts in `count` wordings per language."""
    model, tokenizer, world = text.load(cfg), tokens.load(cfg), load_world()
    wordings = draw_wordings(languages, count, np.random.default_rng((cfg.seed, key)))
    every = torch.stack([text.embed(model, tokenizer, [w.say(c) for c in world]) for w in wordings])
    bad = torch.tensor([c.forbidden for c in world])
    erase, keep = every[:, bad], every[:, ~bad]
    return Contexts(erase, keep, text.embed(model, tokenizer, [""])[0], nearest_benign(erase, keep))
