"""Makes a full-size U-Net of random seeded weights for `npm run bench`, in the layout of tiny-sd (BK-SDM Tiny, 323 million
parameters, 1.29 GB in float32) or of small-sd (BK-SDM Base, 579 million, 2.32 GB), exported as any checkpoint is
(models/export/graph.py).

    python src/cli/bench/largeUnet.py OUT [tiny-sd | small-sd]

Writes OUT/model.onnx and OUT/model.onnx_data, unless both are there already. Weights are scaled so that activations
keep their size from layer to layer: a network of overflowing numbers would be timed, but not compared.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "models" / "export"))
from graph import with_forward, write_graph  # noqa: E402

LATENT, TOKENS, WIDTH = 64, 77, 768
"""Pictures of 512 pixels, CLIP's context."""

LAYOUTS = {
    "tiny-sd": {
        "block_out_channels": (320, 640, 1280), "down_block_types": ("CrossAttnDownBlock2D",) * 3,
        "up_block_types": ("CrossAttnUpBlock2D",) * 3, "mid_block_type": None},
    "small-sd": {
        "block_out_channels": (320, 640, 1280, 1280), "down_block_types": (*("CrossAttnDownBlock2D",) * 3, "DownBlock2D"),
        "up_block_types": ("UpBlock2D", *("CrossAttnUpBlock2D",) * 3)},
}


def build(layout: str) -> UNet2DConditionModel:
    torch.manual_seed(20261125)
    return UNet2DConditionModel(
        sample_size=LATENT, layers_per_block=1, cross_attention_dim=WIDTH, attention_head_dim=8, **LAYOUTS[layout]).eval().requires_grad_(False)


def main(out: Path, layout: str = "tiny-sd") -> None:
    if (out / "model.onnx").exists() and (out / "model.onnx_data").exists():
        return
    shutil.rmtree(out, ignore_errors=True)
    # Made elsewhere and renamed, so that a run that was stopped leaves nothing that looks whole.
    unfinished = out.with_name(f"{out.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    unet = build(layout)

    def forward(self, sample, timestep, encoder_hidden_states):
        return UNet2DConditionModel.forward(self, sample, timestep, encoder_hidden_states, return_dict=False)[0]

    example = {"sample": torch.randn(2, 4, LATENT, LATENT), "timestep": torch.tensor([500]), "encoder_hidden_states": torch.randn(2, TOKENS, WIDTH)}
    rows = write_graph(with_forward(unet, forward), example, ["out_sample"], unfinished / "model.onnx")
    print(f"{len(rows)} weights, {sum(row['length'] for row in rows) / 1e9:.2f} GB", file=sys.stderr)
    unfinished.rename(out)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:3])
