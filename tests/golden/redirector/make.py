"""The redirector of pictogram (SafeRedir-style) by PyTorch in float64, on inputs that the test makes by the same formula.

Tolerance 1e-6 relative to the largest value: the page adds up float64 too, and stores float32.

Run: models/pictogram/.venv/bin/python tests/golden/redirector/make.py
"""
import json
import sys
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "models" / "pictogram"))
from align.saferedir import Redirector, moved  # noqa: E402

TOKENS, WIDTH, LATENT = 3, 192, 1024
FILE = ROOT / "public" / "packs" / "pictogram" / "adapters" / "saferedir.safetensors"


def wave(size, start):
    """sin(0.37·i + start), as float32."""
    return torch.sin(0.37 * torch.arange(size, dtype=torch.float64) + start).float().double()


net = Redirector().double()
net.load_state_dict({k: v.double() for k, v in load_file(FILE).items()})
with safe_open(FILE, "pt") as file:
    scale = float(file.metadata()["scale"])
cases = []
with torch.no_grad():
    for start, timestep in ((0.0, 1000.0), (1.0, 500.0), (2.5, 125.0)):
        embeds = wave(TOKENS * WIDTH, start + 0.5).reshape(1, TOKENS, WIDTH)
        verdict, delta, mask, alpha = net(wave(LATENT, start)[None], embeds, torch.tensor([timestep], dtype=torch.float64))
        after = moved(embeds, delta, mask, alpha, scale)
        cases.append({"start": start, "timestep": timestep, "unsafe": bool(verdict[0, 1] > verdict[0, 0]),
                      "embeds": [float(f"{v:.9g}") for v in after.flatten().tolist()]})
out = {"tolerance": 1e-6, "tokens": TOKENS, "width": WIDTH, "latent": LATENT, "cases": cases}
Path(__file__).with_name("redirector.json").write_text(json.dumps(out) + "\n")
