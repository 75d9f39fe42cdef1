"""Resizing by Pillow and clean-fid, and the inputs that each reference package gives its network.

Bytes are compared one by one (tolerance 1 grey level; equal is expected), floats at every `step`-th value (1e-4 of
a grey level for clean-fid, 1e-5 after normalising).
"""
import base64
import hashlib
import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from pictures import picture

HERE = Path(__file__).parent
STEP = 37
"""Of the small resized pictures."""
INPUT_STEP = 997
"""Of the networks' inputs."""


def sampled(values: np.ndarray, step: int = INPUT_STEP) -> list:
    return [float(f"{v:.8g}") for v in values.astype(np.float64).ravel()[::step]]


def chw(x) -> np.ndarray:
    return np.ascontiguousarray(np.transpose(np.asarray(x), (2, 0, 1)))


def main() -> None:
    import torchvision_cpu  # noqa: F401
    from cleanfid.resize import build_resizer, make_resizer
    from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x
    from transformers import CLIPImageProcessor, ViTImageProcessor

    resizes = []
    for width, height, to in [(37, 23, (20, 31)), (64, 64, (32, 32)), (50, 41, (13, 9)), (16, 12, (29, 12)), (30, 44, (30, 17)), (9, 5, (40, 33)),
                              (24, 60, (16, 40)), (31, 32, (66, 15)), (33, 40, (30, 34)), (40, 44, (38, 40))]:
        for name, code in [("bicubic", Image.BICUBIC), ("bilinear", Image.BILINEAR)]:
            source = picture(width, height, 11)
            result = np.asarray(Image.fromarray(source).resize(to, code))
            floats = make_resizer("PIL", False, name, to)(source)
            resizes.append({"from": [width, height], "to": list(to), "filter": name, "bytes": base64.b64encode(result.tobytes()).decode(),
                            "floats": sampled(chw(floats), STEP)})
    large = picture(512, 384, 12)
    hashes = [{"from": [512, 384], "to": [224, 200], "filter": name,
               "sha256": hashlib.sha256(np.asarray(Image.fromarray(large).resize((224, 200), code)).tobytes()).hexdigest()}
              for name, code in [("bicubic", Image.BICUBIC), ("bilinear", Image.BILINEAR)]]

    inputs = []
    for width, height in [(64, 64), (300, 200), (224, 260), (512, 512)]:
        source = picture(width, height, 13)
        image = Image.fromarray(source)
        clean = (chw(build_resizer("clean")(source)) - 128) / 128
        fidelity = interpolate_bilinear_2d_like_tensorflow1x(torch.from_numpy(chw(source)).float()[None], size=(299, 299), align_corners=False)[0]
        clip = CLIPImageProcessor()(image, return_tensors="np")["pixel_values"][0]
        vit = ViTImageProcessor()(image, return_tensors="np")["pixel_values"][0]
        inputs.append({"size": [width, height], "cleanFid": sampled(clean), "torchFidelity": sampled(((fidelity - 128) / 128).numpy()),
                       "clip": sampled(clip), "vit": sampled(vit)})
    clip336 = CLIPImageProcessor(size={"shortest_edge": 336}, crop_size={"height": 336, "width": 336})
    out = {"made with": {p: version(p) for p in ("pillow", "clean-fid", "torch-fidelity", "transformers")}, "step": STEP, "inputStep": INPUT_STEP, "resizes": resizes,
           "hashes": hashes, "inputs": inputs,
           "clip336": {"size": [300, 200], "values": sampled(clip336(Image.fromarray(picture(300, 200, 13)), return_tensors="np")["pixel_values"][0])}}
    (HERE / "pictures.json").write_text(json.dumps(out) + "\n")
