"""The text encoder: transformers' CLIPTextModel in miniature (192 wide, 4 layers, 32 tokens).

Trained contrastively, caption against picture, in five languages at once, so that all
languages meet at the same pictures. Small heads on the pooled text (concept, style,
count, size, background) speed this up; heads and image tower are thrown away after.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from transformers import CLIPTextConfig, CLIPTextModel

from config import CONTEXT_LENGTH, STYLES, TEXT_WIDTH, Config
from storage import record_time
from train import tokens
from train.mixed import half_precision
from train.training import Checkpoint, check_loss, decay, prepare
from train.vae import to_tensor
from world.concepts import load_world
from world.dataset import COUNTS, SIZES, Artwork, caption, draw_language, sample
from world.templates import COLOURS

LEARNING_RATE = 1e-3
EMBEDDING = 128
HEAD_WEIGHT = 0.3


def build(vocabulary: int) -> CLIPTextModel:
    """A fresh text encoder; ids of BOS, EOS, PAD are 0, 1, 2."""
    return CLIPTextModel(CLIPTextConfig(
        vocab_size=vocabulary, hidden_size=TEXT_WIDTH, intermediate_size=4 * TEXT_WIDTH, num_hidden_layers=4,
        num_attention_heads=6, max_position_embeddings=CONTEXT_LENGTH, hidden_act="quick_gelu",
        bos_token_id=0, eos_token_id=1, pad_token_id=2, projection_dim=EMBEDDING))


class Trainer(nn.Module):
    """Text encoder, image tower, and the heads used only while training."""

    def __init__(self, text: CLIPTextModel, concepts: int):
        super().__init__()
        self.text = text
        widths = (3, 24, 48, 96, 160)
        layers = []
        for a, b in zip(widths, widths[1:]):
            layers += [nn.Conv2d(a, b, 3, stride=2, padding=1), nn.GroupNorm(8, b), nn.SiLU()]
        self.picture = nn.Sequential(nn.AvgPool2d(2), *layers, nn.Flatten(), nn.Linear(160 * 4, EMBEDDING))
        self.project = nn.Linear(TEXT_WIDTH, EMBEDDING)
        self.scale = nn.Parameter(torch.tensor(2.3))
        sizes = {"concept": concepts, "style": len(STYLES), "count": len(COUNTS), "size": len(SIZES), "background": len(COLOURS)}
        self.heads = nn.ModuleDict({name: nn.Linear(TEXT_WIDTH, n) for name, n in sizes.items()})
        self.concept_of_picture = nn.Linear(EMBEDDING, concepts)

    def forward(self, ids: torch.Tensor, pictures: torch.Tensor, labels: dict) -> tuple[torch.Tensor, torch.Tensor]:
        """Loss, and the share of captions whose concept head is right. Shapes: (n, length), (n, 3, 64, 64)."""
        pooled = self.text(input_ids=ids).pooler_output
        a, b = F.normalize(self.project(pooled).float(), dim=1), F.normalize(self.picture(pictures).float(), dim=1)
        logits = self.scale.exp().clamp(max=50) * a @ b.T
        target = torch.arange(len(a))
        loss = 0.5 * (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target))
        heads = {name: head(pooled).float() for name, head in self.heads.items()}
        for name, values in heads.items():
            loss = loss + HEAD_WEIGHT * (3 if name == "concept" else 1) * F.cross_entropy(values, labels[name])
        loss = loss + HEAD_WEIGHT * F.cross_entropy(self.concept_of_picture(b).float() * 10, labels["concept"])
        return loss, (heads["concept"].argmax(1) == labels["concept"]).float().mean()


def batch_of(cfg: Config, step: int, art: Artwork, concepts: list, tokenizer) -> tuple:
    """One training batch, fixed by seed and step: ids cut to the longest caption, pictures, labels."""
    rng = np.random.default_rng((cfg.seed, 3, step))
    examples = [sample(rng, art, concepts) for _ in range(cfg.text_batch)]
    texts = [caption(e, draw_language(rng), rng) for e in examples]
    ids = tokenizer(texts, padding="longest", truncation=True, max_length=CONTEXT_LENGTH, return_tensors="pt").input_ids
    order, colours = {c.id: i for i, c in enumerate(concepts)}, list(COLOURS)
    rows = [(order[e.concept], STYLES.index(e.style), COUNTS.index(e.count), SIZES.index(e.size), colours.index(e.background))
            for e in examples]
    labels = dict(zip(("concept", "style", "count", "size", "background"), torch.tensor(rows).T))
    return ids, to_tensor(np.stack([e.image for e in examples])), labels


def load(cfg: Config) -> CLIPTextModel:
    """The trained text encoder, in evaluation mode."""
    return CLIPTextModel.from_pretrained(cfg.models / "text_encoder").eval()


@torch.no_grad()
def embed(model: CLIPTextModel, tokenizer, texts: list[str]) -> torch.Tensor:
    """Texts → last_hidden_state (n, 32, 192), the U-Net's context."""
    ids = tokens.encode(tokenizer, texts)
    return torch.cat([model(input_ids=part).last_hidden_state for part in ids.split(256)])


def main(cfg: Config) -> None:
    """Train (or resume) and save `models/text_encoder`."""
    if (cfg.models / "text_encoder" / "config.json").exists():
        return
    prepare(cfg, 3)
    art, concepts, tokenizer = Artwork(cfg), load_world(), tokens.load(cfg)
    model = Trainer(build(len(tokenizer)), len(concepts))
    optimiser = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.02, betas=(0.9, 0.98))
    checkpoint, start, begun, right = Checkpoint(cfg, "text"), 0, time.time(), 0.0
    if state := checkpoint.load():
        model.load_state_dict(state["model"]), optimiser.load_state_dict(state["optimiser"])
        start = state["step"]
    for step in range(start, cfg.text_steps):
        ids, pictures, labels = batch_of(cfg, step, art, concepts, tokenizer)
        for group in optimiser.param_groups:
            group["lr"] = LEARNING_RATE * decay(step, cfg.text_steps)
        with half_precision():
            loss, correct = model(ids, pictures, labels)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        right = 0.95 * right + 0.05 * float(correct)
        if step % 50 == 0:
            check_loss(float(loss), "the text encoder", step)
            print(f"text {step} loss {float(loss):.3f} concept {right:.3f} {time.time() - begun:.0f} s", flush=True)
        checkpoint.save_when_due(
            lambda: {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "step": step + 1})
    model.text.eval().save_pretrained(cfg.models / "text_encoder")
    checkpoint.remove()
    record_time(cfg, "text", checkpoint.elapsed(), steps=cfg.text_steps, captions=cfg.text_steps * cfg.text_batch)


if __name__ == "__main__":
    main(Config.make(smoke="--smoke" in sys.argv, **({"threads": 1} if "--one-thread" in sys.argv else {})))
