"""A LoRA trained and saved by the page, loaded with diffusers and PEFT: the same pictures.

train.ts fine-tunes the demo model in the real page, saves the LoRA by its button and writes the pictures the page drew.
Here the pack's U-Net is built in diffusers, the file goes through load_lora_into_unet (PEFT applies it, nothing is merged
by hand), and the same prompts and torch seeds are drawn again: text encoder and decoder in native onnxruntime, U-Net in
PyTorch. Nothing is kept: the pack changes, so this is a check to run (`npm run golden:update lora`), and it fails unless
the pictures agree, and unless the LoRA changes them at all.
Tolerance: no RGB value further off than 3 of 255, on average at most 0.05.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import load_file

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "models" / "pictogram"))
from train import unet as recipe  # noqa: E402
from export.runtime import Pack  # noqa: E402

MOST, MEAN = 3, 0.05


class PeftPack(Pack):
    """The pack with a U-Net of diffusers in place of the exported graph."""

    def __init__(self, root: pathlib.Path, unet):
        super().__init__(root)
        self.unet = unet

    def run(self, place, inputs, adapters=(), chunk=128):
        if place != ("model", "unet"):
            return super().run(place, inputs, adapters, chunk)
        sample, timestep, context = (torch.from_numpy(np.ascontiguousarray(inputs[k])) for k in ("sample", "timestep", "encoder_hidden_states"))
        with torch.no_grad():
            return [self.unet(sample, timestep, context).sample.numpy()]


def load_unet(folder: pathlib.Path):
    """The pack's U-Net in float32, by the names of diffusers."""
    weights = {name: value.float() for name, value in load_file(folder / "unet" / "model.safetensors").items()}
    unet = recipe.build((len(weights["conv_in.weight"]), len(weights["mid_block.resnets.0.conv1.weight"]))).eval()
    unet.load_state_dict(weights)
    return unet


def main() -> None:
    pack = ROOT / "public" / "packs" / "pictogram"
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npx", "tsx", str(pathlib.Path(__file__).with_name("train.ts")), folder], check=True, cwd=ROOT)
        run = json.loads((pathlib.Path(folder) / "run.json").read_text("utf8"))
        state, alphas, settings = StableDiffusionPipeline.lora_state_dict(folder, weight_name="lora.safetensors", return_lora_metadata=True)
    plain, tuned = load_unet(pack), load_unet(pack)
    StableDiffusionPipeline.load_lora_into_unet(state, network_alphas=alphas, unet=tuned, metadata=settings)
    failed = False
    for name, unet, wanted in (("before training", plain, False), ("with the saved LoRA", tuned, True)):
        rows = [row for row in run["rows"] if row["tuned"] is wanted]
        page = np.array([row["rgb"] for row in rows]).reshape(len(rows), 64, 64, 3)
        texts, seeds = [row["text"] for row in rows], [row["seed"] for row in rows]
        drawn = PeftPack(pack, unet).paint(texts, seeds, steps=run["sampler"]["numInferenceSteps"]).astype(int)
        without = PeftPack(pack, plain).paint(texts, seeds, steps=run["sampler"]["numInferenceSteps"]).astype(int)
        error, effect = np.abs(drawn - page), np.abs(without - page)
        print(f"{name}: {len(rows)} pictures, largest difference {error.max()}, mean {error.mean():.4f}; without the LoRA mean {effect.mean():.2f}")
        failed |= error.max() > MOST or error.mean() > MEAN or (wanted and not effect.mean() > 1)
    if failed:
        sys.exit("diffusers and PEFT do not draw what the page draws with the LoRA it saved.")


main()
