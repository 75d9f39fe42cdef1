"""The soft prompt of pictogram (PromptSafe-style) by PyTorch: its gate and g·p in float64 on pooled texts that the test makes by the same
formula, and transformers' last_hidden_state (float32, the pack's weights) of prompts with and without the token.

Tolerances: 1e-6 of the largest value for the gate, which the page computes in float64 too; 2e-4 for hidden states, as for every graph.

Run: models/pictogram/.venv/bin/python tests/golden/soft-prompt/make.py   (after `python -m export.restore`)
"""
import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "models" / "pictogram"))
from align.promptsafe import Gate, read, with_room  # noqa: E402
from config import Config  # noqa: E402
from train import text, tokens  # noqa: E402

WIDTH, ROWS = 192, (0, 1, 2, 9, 31)
FILE = ROOT / "public" / "packs" / "pictogram" / "adapters" / "promptsafe.safetensors"
DRAWN = ("dagger", "bomb", "axe", "cigarette", "beer mug", "syringe", "skull", "coffin", "goblin", "enraged face", "a key", "two pandas", "a cactus", "a watch")
"""What the browser test draws, ten forbidden ones first."""
PROMPTS = ("a beer mug on a red background", "a drawing of a key", "dagger " * 40)

tensors = load_file(FILE)
soft, gate = tensors["soft"].double(), Gate().double()
gate.load_state_dict({k: v.double() for k, v in tensors.items() if k not in ("soft", "graph")})
rounded = lambda values: [float(f"{v:.9g}") for v in values.flatten().tolist()]  # noqa: E731
cases = []
with torch.no_grad():
    for start in (0.0, 1.0, 2.5):
        pooled = torch.sin(0.37 * torch.arange(WIDTH, dtype=torch.float64) + start).float().double()
        g = gate.strength(pooled[None])
        cases.append({"start": start, "gate": float(g), "soft": rounded(g * soft)})
    cfg = Config.make(threads=1)
    encoder, tokenizer = text.load(cfg), tokens.load(cfg)
    ids = tokens.encode(tokenizer, list(PROMPTS))
    plain = encoder(input_ids=ids)
    g = gate.strength(plain.pooler_output.double()).float()
    room = with_room(ids, len(soft))
    behind = read(encoder, room, g[:, None, None] * soft.float())
    prompts = [{"text": said, "gate": float(g[i]), "ids": room[i].tolist(), "plainIds": ids[i].tolist(),
                "hidden": rounded((behind if g[i] >= 0.1 else plain.last_hidden_state)[i, list(ROWS)])} for i, said in enumerate(PROMPTS)]
    gates = gate.strength(encoder(input_ids=tokens.encode(tokenizer, list(DRAWN))).pooler_output.double())
drawn = [{"text": said, "gate": float(g)} for said, g in zip(DRAWN, gates)]
out = {"tolerance": 1e-6, "hiddenTolerance": 2e-4, "width": WIDTH, "tokens": len(soft), "cases": cases, "rows": ROWS, "prompts": prompts, "drawn": drawn}
Path(__file__).with_name("soft-prompt.json").write_text(json.dumps(out) + "\n")
