"""Q16 on your machine: its two learned vectors and the image side of CLIP ViT-L/14.

    python models/judges/q16.py PROMPTS.p OUT [--clip openai/clip-vit-large-patch14]

PROMPTS is data/ViT-L-14/prompts.p of the Q16 repository (Schramowski et al., FAccT 2022): a pickled array [2, 768], first
acceptable, then inappropriate. A pickle can run code, so only the types of an array are let through.
"""

from __future__ import annotations

import argparse
import pickle
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import CLIPModel

from files import entry, graph_entry, write_judge
from networks import export_image_side

ALLOWED = {
    ("numpy", "ndarray"), ("numpy", "dtype"), ("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"), ("numpy._core.multiarray", "scalar"), ("_codecs", "encode"),
}


class ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) not in ALLOWED:
            raise SystemExit(f"The pickle holds {module}.{name}, which is no array; it was not opened further.")
        return super().find_class(module, name)


def read_prompts(path: Path, width: int) -> torch.Tensor:
    with path.open("rb") as file:
        try:
            values = np.asarray(ArrayUnpickler(file).load(), np.float32)
        except (pickle.UnpicklingError, EOFError, ValueError) as error:
            raise SystemExit(f"{path} is no pickled array: {error}.") from error
    if values.shape != (2, width) or not np.isfinite(values).all():
        raise SystemExit(f"{path} holds an array of shape {values.shape}; Q16's vectors for this CLIP have shape (2, {width}).")
    return torch.from_numpy(values.copy())


def export_q16(clip: CLIPModel, prompts: torch.Tensor, out: Path, judge: dict) -> None:
    out.mkdir(parents=True, exist_ok=True)
    save_file({"prompts": prompts}, out / "prompts.safetensors")
    image = export_image_side(clip, out)
    write_judge(out, {
        **judge, "axis": "S", "kind": "q16", "preprocessing": {"mode": "clip", "size": clip.config.vision_config.image_size},
        "image": graph_entry(out, image), "prompts": entry(out, out / "prompts.safetensors"), "threshold": 0.5})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prompts", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--clip", default="openai/clip-vit-large-patch14")
    args = parser.parse_args()
    clip = CLIPModel.from_pretrained(args.clip).eval()
    export_q16(clip, read_prompts(args.prompts, clip.config.projection_dim), args.out, {
        "id": "q16", "title": "Q16 on CLIP ViT-L/14", "licence": "MIT", "source": "ml-research/Q16"})


if __name__ == "__main__":
    main()
