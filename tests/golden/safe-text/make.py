"""The adapters beside pictogram's manifest merged by PEFT: every changed weight's sum and norm, and how far it moved.

Weights as in the pack (float16 at rest, float32 in use). Tolerance 1e-5 relative: sums of up to 294,912 float32 products.

Run: models/pictogram/.venv/bin/python tests/golden/safe-text/make.py
"""
import json
import sys
from pathlib import Path

from safetensors.torch import load_file
from peft import LoraConfig, inject_adapter_in_model, set_peft_model_state_dict

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "models" / "pictogram"))
from config import Config  # noqa: E402
from train import text, unet  # noqa: E402

PACK = ROOT / "public" / "packs" / "pictogram"
BUILD = {
    "text_encoder": lambda weights: text.build(len(next(v for k, v in weights.items() if k.endswith("token_embedding.weight")))),
    "unet": lambda weights: unet.build(Config.make().unet_channels),
}


def merged(row):
    factors = {k: v.float() for k, v in load_file(PACK / row["file"]["path"]).items()}
    network, = {k.split(".")[0] for k in factors}
    weights = {k: v.float() for k, v in load_file(PACK / network / "model.safetensors").items()}
    model = BUILD[network](weights)
    model.load_state_dict(weights, strict=False)
    factors = {k.removeprefix(f"{network}."): v for k, v in factors.items()}
    modules = sorted({k.split(".lora_")[0] for k in factors})
    rank = len(next(v for k, v in factors.items() if ".lora_A." in k))
    inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=rank, target_modules=modules), model)
    found = set_peft_model_state_dict(model, factors)
    assert not found.unexpected_keys
    for name in modules:
        layer = model.get_submodule(name)
        layer.merge()
        weight = layer.base_layer.weight.detach().double()
        yield {"name": f"{network}.{name}.weight", "sum": weight.abs().sum().item(), "norm": weight.norm().item(),
               "change": (weight - weights[f"{name}.weight"].double()).norm().item()}


rows = [row for row in json.loads((PACK / "alignments.json").read_text("utf8"))["adapters"] if row["format"] == "lora"]
out = {"tolerance": 1e-5, "methods": {row["id"]: list(merged(row)) for row in rows}}
Path(__file__).with_name("safe-text.json").write_text(json.dumps(out, indent=1) + "\n")
