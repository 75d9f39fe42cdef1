"""The safe text encoders of pictogram merged by PEFT: every changed weight's sum and norm, and what a caption is read as.

Weights as in the pack (float16 at rest, float32 in use). Tolerance 1e-5 relative: sums of up to 147,456 float32 products.

Run: models/pictogram/.venv/bin/python tests/golden/safe-text/make.py
"""
import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file
from peft import LoraConfig, inject_adapter_in_model, set_peft_model_state_dict

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "models" / "pictogram"))
from train import text  # noqa: E402

PACK = ROOT / "public" / "packs" / "pictogram"


def merged(row):
    weights = {k: v.float() for k, v in load_file(PACK / "text_encoder" / "model.safetensors").items()}
    encoder = text.build(len(next(v for k, v in weights.items() if k.endswith("token_embedding.weight"))))
    encoder.load_state_dict(weights, strict=False)
    factors = {k.removeprefix("text_encoder."): v.float() for k, v in load_file(PACK / row["file"]["path"]).items()}
    modules = sorted({k.split(".lora_")[0] for k in factors})
    rank = len(next(v for k, v in factors.items() if ".lora_A." in k))
    inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=rank, target_modules=modules), encoder)
    found = set_peft_model_state_dict(encoder, factors)
    assert not found.unexpected_keys
    for name in modules:
        layer = encoder.get_submodule(name)
        layer.merge()
        weight = layer.base_layer.weight.detach().double()
        yield {"name": f"text_encoder.{name}.weight", "sum": weight.abs().sum().item(), "norm": weight.norm().item(),
               "change": (weight - weights[f"{name}.weight"].double()).norm().item()}


rows = json.loads((PACK / "alignments.json").read_text("utf8"))["adapters"]
out = {"tolerance": 1e-5, "methods": {row["id"]: list(merged(row)) for row in rows}}
Path(__file__).with_name("safe-text.json").write_text(json.dumps(out, indent=1) + "\n")
