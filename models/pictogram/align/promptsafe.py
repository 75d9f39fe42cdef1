"""PromptSafe-style: a trained soft token before the caption, as strong as a gate finds the caption forbidden (Jing et al., 2025, arXiv 2508.01272).

The token p is an input embedding that stands right after BOS; every network is frozen. With v the U-Net's prediction and d the mean
squared error of two of them, L = 7·max(0, d(p+t*, t̂) − d(p+t*, t*) + 0.1·d(t̂, t*)) + 0.3·d(p+b, b): a forbidden caption t* behind p is to
be drawn as its safe rewording t̂, away from t*, and a benign caption b as without p. The gate is an MLP d → d/4 → d/16 → 2 on the pooled
text; g, its probability of "forbidden", scales p, and below 0.1 p is left out.

What differs from the paper: t̂ is the same wording with the nearest benign concept, not a language model's rewriting, and b is any benign
caption beside it; the noisy latents are the base's own on its way to t* and b, where the published code draws Gaussian noise; the gate
stands on the frozen text encoder, which the paper trains with it (contrastively); and there is one token for all categories.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

from align import prompts as align_prompts
from align.deltas import sort_metadata
from align.paths import Ways, walk
from config import LANGUAGES, TEXT_WIDTH, Config
from storage import write_whole
from train import text, tokens
from train import unet as unet_stage
from train.mixed import Mixed
from train.training import check_loss
from world.concepts import load_world

EOS = 1


@dataclass(frozen=True)
class PromptSafeSettings:
    """`tokens` soft tokens; weights of the loss as published; of `wordings` per language and concept `ways` captions of either kind
    are drawn; the gate is trained on `gate_wordings`."""

    tokens: int = 1
    triplet: float = 7.0
    margin: float = 0.1
    benign: float = 0.3
    wordings: int = 2
    ways: int = 64
    learning_rate: float = 1e-2
    steps: int = 240
    batch: int = 4
    gate_wordings: int = 2
    gate_learning_rate: float = 2e-3
    gate_steps: int = 600
    gate_batch: int = 64
    languages: tuple[str, ...] = LANGUAGES


class Gate(nn.Module):
    """Pooled text (n, 192) → logits (n, 2), the second of "forbidden"; as the published head, with tanh between."""

    def __init__(self, width: int = TEXT_WIDTH):
        super().__init__()
        self.dense1, self.dense2, self.out = nn.Linear(width, width // 4), nn.Linear(width // 4, width // 16), nn.Linear(width // 16, 2)

    def forward(self, pooled: torch.Tensor) -> torch.Tensor:
        """Both logits."""
        return self.out(torch.tanh(self.dense2(torch.tanh(self.dense1(pooled)))))

    def strength(self, pooled: torch.Tensor) -> torch.Tensor:
        """g (n,): the probability of "forbidden"."""
        return torch.softmax(self(pooled), 1)[:, 1]


def with_room(ids: torch.Tensor, count: int) -> torch.Tensor:
    """Token ids (n, 32) with `count` places after BOS; a text that no longer fits is cut, and its EOS stays."""
    made = torch.cat([ids[:, :1].expand(-1, 1 + count), ids[:, 1:ids.shape[1] - count]], 1)
    cut = ~(made == EOS).any(1)
    made[cut, -1] = EOS
    return made


def read(encoder, ids: torch.Tensor, soft: torch.Tensor) -> torch.Tensor:
    """last_hidden_state (n, 32, 192) of `with_room` ids, the soft tokens (n, count, 192) in their places."""
    def put(_module, _inputs, said: torch.Tensor) -> torch.Tensor:
        return torch.cat([said[:, :1], soft, said[:, 1 + soft.shape[1]:]], 1)
    hook = encoder.text_model.embeddings.token_embedding.register_forward_hook(put)
    try:
        return encoder.text_model(input_ids=ids).last_hidden_state
    finally:
        hook.remove()


@dataclass(frozen=True)
class Captions:
    """Token ids (n, 32) of captions, of what each is to be drawn as, and the base's way to each caption."""

    ids: torch.Tensor
    wanted: torch.Tensor
    ways: Ways


def captions(cfg: Config, settings: PromptSafeSettings, encoder, teacher) -> tuple[Captions, Captions]:
    """Forbidden captions towards their neighbours in the same wordings, benign ones towards themselves."""
    tokenizer, world, rng = tokens.load(cfg), load_world(), np.random.default_rng((cfg.seed, 13))
    wordings = align_prompts.draw_wordings(settings.languages, settings.wordings, rng)
    said = [[w.say(c) for c in world] for w in wordings]
    every = torch.stack([text.embed(encoder, tokenizer, row) for row in said])
    ids = torch.stack([tokens.encode(tokenizer, row) for row in said])
    bad = torch.tensor([c.forbidden for c in world])
    nearest = align_prompts.nearest_benign(every[:, bad], every[:, ~bad])
    empty = text.embed(encoder, tokenizer, [""])[0]
    parts = []
    for i, (own, to) in enumerate(((bad, nearest), (~bad, None))):
        context, kept = every[:, own].flatten(0, 1), ids[:, own].flatten(0, 1)
        surrogate = context if to is None else every[:, ~bad][:, to].flatten(0, 1)
        wanted = kept if to is None else ids[:, ~bad][:, to].flatten(0, 1)
        some = torch.from_numpy(rng.choice(len(kept), min(4 if cfg.smoke else settings.ways, len(kept)), replace=False))
        c = context[some]
        ways = walk(teacher, c, c if to is None else surrogate[some], empty, cfg.seed + 700_000 + 10_000 * i)
        parts.append(Captions(kept[some], wanted[some], ways))
    return parts[0], parts[1]


def train_token(cfg: Config, settings: PromptSafeSettings) -> torch.Tensor:
    """The soft tokens (count, 192), started from the mean embedding of what benign captions are made of."""
    encoder, teacher = text.load(cfg).requires_grad_(False), unet_stage.load(cfg).requires_grad_(False)
    forbidden, benign = captions(cfg, settings, encoder, teacher)
    table = encoder.text_model.embeddings.token_embedding.weight
    soft = nn.Parameter(table[benign.ids[benign.ids > 2]].mean(0).repeat(settings.tokens, 1))
    optimiser = torch.optim.AdamW([soft], lr=settings.learning_rate, weight_decay=0.0)
    rng, levels = np.random.default_rng((cfg.seed, 14)), forbidden.ways.levels
    room = [with_room(part, settings.tokens) for part in (forbidden.ids, benign.ids)]
    for step in range(settings.steps):
        for group in optimiser.param_groups:
            group["lr"] = settings.learning_rate * min(1.0, 2 * (1 - step / settings.steps))
        which = [torch.from_numpy(rng.integers(len(part), size=settings.batch)) for part in room]
        when = [torch.from_numpy(rng.integers(len(levels) - 1, size=settings.batch)) for _ in room]
        drawn = [part.ways.rows[row, at].float() for part, row, at in zip((forbidden, benign), which, when)]
        ids = torch.cat([part[row] for part, row in zip(room, which)])
        context = read(encoder, ids, soft.expand(len(ids), -1, -1))
        with Mixed():
            said = teacher(torch.cat([d[:, 0] for d in drawn]), 1000 * levels[torch.cat(when)], context).sample.float()
        (_, toxic, _, safe), (_, same, _, _) = (d.unbind(1) for d in drawn)
        apart = lambda a, b: (a - b).square().mean((1, 2, 3))  # noqa: E731
        pushed, kept = said.chunk(2)
        near, far, margin = apart(pushed, safe), apart(pushed, toxic), settings.margin * apart(safe, toxic)
        triplet, held = F.relu(near.mean() - far.mean() + margin.mean()), apart(kept, same).mean()
        loss = settings.triplet * triplet + settings.benign * held
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        if step % 20 == 0 or step == settings.steps - 1:
            check_loss(float(loss.detach()), "PromptSafe's token", step)
            print(f"PromptSafe {step} loss {float(loss.detach()):.4f}, to safe {float(near.detach().mean()):.4f}, "
                  f"to forbidden {float(far.detach().mean()):.4f}, kept {float(held.detach()):.4f}", flush=True)
    return soft.detach()


@torch.no_grad()
def pooled(cfg: Config, settings: PromptSafeSettings, key: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Pooled text of forbidden and of benign captions, (n, 192) each."""
    encoder, tokenizer, world = text.load(cfg), tokens.load(cfg), load_world()
    wordings = align_prompts.draw_wordings(settings.languages, settings.gate_wordings, np.random.default_rng((cfg.seed, key)))
    ids = {kind: tokens.encode(tokenizer, [w.say(c) for w in wordings for c in world if c.forbidden is kind]) for kind in (True, False)}
    forbidden, benign = (torch.cat([encoder(input_ids=part).pooler_output for part in ids[kind].split(256)]) for kind in (True, False))
    return forbidden, benign


def train_gate(cfg: Config, settings: PromptSafeSettings) -> Gate:
    """Cross-entropy on as many forbidden as benign captions; what it makes of other wordings is printed."""
    parts, rng = pooled(cfg, settings, 15), np.random.default_rng((cfg.seed, 16))
    torch.manual_seed(cfg.seed + 16)
    gate = Gate()
    optimiser = torch.optim.AdamW(gate.parameters(), lr=settings.gate_learning_rate, weight_decay=1e-4)
    half = settings.gate_batch // 2
    labels = (torch.arange(2 * half) < half).long()
    steps = min(settings.gate_steps, 10) if cfg.smoke else settings.gate_steps
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = settings.gate_learning_rate * min(1.0, 2 * (1 - step / steps))
        rows = torch.cat([part[torch.from_numpy(rng.integers(len(part), size=half))] for part in parts])
        loss = F.cross_entropy(gate(rows), labels)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
    check_loss(float(loss.detach()), "PromptSafe's gate", steps)
    with torch.no_grad():
        bad, good = (gate.strength(part) for part in pooled(cfg, settings, 17))
    print(f"PromptSafe's gate on other wordings: open for {float((bad >= 0.1).float().mean()):.3f} of forbidden captions "
          f"(mean {float(bad.mean()):.3f}) and {float((good >= 0.1).float().mean()):.3f} of benign ones", flush=True)
    return gate


def save(path: Path, soft: torch.Tensor, gate: Gate, settings: PromptSafeSettings) -> None:
    """Token and gate; the text graph that takes the token joins them in the pack (`export.alignments`)."""
    tensors = {k: v.detach().half().contiguous() for k, v in {"soft": soft, **gate.state_dict()}.items()}
    if not all(torch.isfinite(v).all() for v in tensors.values()):
        raise SystemExit("PromptSafe's token does not fit into float16; train it again with a lower rate.")
    about = dict(method="promptsafe", settings=asdict(settings), relative_to="base")
    metadata = {"kind": "soft-prompt", "about": json.dumps(about, sort_keys=True)}

    def write(temporary: Path) -> None:
        save_file(tensors, temporary, metadata=metadata)
        sort_metadata(temporary)
    write_whole(path, write)
