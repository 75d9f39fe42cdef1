"""CLIPScore, Q16 and FID from picture to number, through small networks of random seeded weights.

The reference packages usually download their networks; here torchmetrics gets a tiny CLIPModel and clean-fid a tiny
feature network instead, so that preparing the picture, the forward pass, the statistics and the formula are all compared.
Both networks are stored as ONNX for the test. Tolerances: embeddings 1e-4 relative, CLIPScore 1e-3, FID 1e-3 relative.
"""
import json
import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from pictures import picture

HERE = Path(__file__).parent
SIDE, WIDTH = 32, 16
SIZES = [(64, 64), (90, 60), (48, 120), (33, 32)]


class Embedder(torch.nn.Module):
    def __init__(self, clip):
        super().__init__()
        self.clip = clip

    def forward(self, pixel_values):
        return self.clip.get_image_features(pixel_values)


class Features(torch.nn.Module):
    """[n, 3, 299, 299], 0–255 → [n, 8]; scales its input as Inception 2015 does."""

    def __init__(self):
        super().__init__()
        self.convolution = torch.nn.Conv2d(3, 8, 13, stride=13)

    def forward(self, images):
        return torch.relu(self.convolution((images - 128) / 128)).mean((2, 3))


def export(module, example, name):
    torch.onnx.export(module.eval(), (example,), HERE / name, input_names=["input"], output_names=["output"], dynamo=False,
                      dynamic_axes={"input": {0: "n"}, "output": {0: "n"}}, opset_version=17)


def numbers(values) -> list:
    return [float(f"{v:.9g}") for v in np.asarray(values, np.float64).ravel()]


def main() -> None:
    import torchvision_cpu  # noqa: F401
    from cleanfid import fid
    from torchmetrics.multimodal import CLIPScore
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel

    torch.manual_seed(5)
    clip = CLIPModel(CLIPConfig(
        text_config={"hidden_size": WIDTH, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 40, "max_position_embeddings": 8, "eos_token_id": 39, "bos_token_id": 38},
        vision_config={"hidden_size": WIDTH, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": SIDE, "patch_size": 8},
        projection_dim=12)).eval()
    with torch.no_grad():
        for parameter in clip.parameters():
            parameter.mul_(3)  # else every picture gets nearly the same embedding
    images = CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})

    def processor(images_=None, text=None, **kwargs):
        if "images" in kwargs:
            arrays = [Image.fromarray(i.permute(1, 2, 0).numpy().astype(np.uint8)) for i in kwargs["images"]]
            return {"pixel_values": images(arrays, return_tensors="pt")["pixel_values"]}
        ids = torch.tensor([[38, *[ord(c) % 37 for c in t[:5]], 39] for t in text])
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}

    texts = ["horse", "house", "tulip", "robot"]
    pictures = [picture(w, h, 41 + i) for i, (w, h) in enumerate(SIZES)]
    tensors = [torch.from_numpy(p.copy()).permute(2, 0, 1) for p in pictures]
    with torch.no_grad():
        pixels = processor(images=tensors)["pixel_values"]
        image_embeds = clip.get_image_features(pixels)
        tokens = processor(text=texts)
        text_embeds = clip.get_text_features(tokens["input_ids"], tokens["attention_mask"])
        metric = CLIPScore(model_name_or_path=lambda: (clip, processor))
        metric.update(tensors, texts)
        score = float(metric.compute())
        clamped = CLIPScore(model_name_or_path=lambda: (clip, processor))
        clamped.update([tensors[1], tensors[0]], [texts[3], texts[3]])
        each = [float(CLIPScore(model_name_or_path=lambda: (clip, processor))(t[None], x)) for t, x in zip(tensors, texts)]
        cosines = torch.nn.functional.cosine_similarity(image_embeds, text_embeds)
        prompts = torch.randn(1, 12) + 0.05 * torch.randn(2, 12)
        unit = lambda x: x / x.norm(dim=-1, keepdim=True)
        q16 = (100.0 * unit(image_embeds * 0.05 + prompts.mean(0)) @ unit(prompts).T).softmax(-1)[:, 1]
        q16_input = image_embeds * 0.05 + prompts.mean(0)
    export(Embedder(clip), pixels, "tiny-clip-vision.onnx")

    features = Features()
    with torch.no_grad():
        features.convolution.weight.mul_(40)
    with tempfile.TemporaryDirectory() as folder:
        folders = []
        for name, seeds in [("a", range(60, 66)), ("b", range(80, 87))]:
            target = Path(folder) / name
            target.mkdir()
            folders.append(str(target))
            for seed in seeds:
                Image.fromarray(picture(40 + seed % 7, 50 - seed % 5, seed)).save(target / f"{seed}.png")
        score_fid = fid.compute_fid(*folders, mode="clean", num_workers=0, batch_size=4, device=torch.device("cpu"), verbose=False,
                                    use_dataparallel=False, custom_feat_extractor=features.eval())
    export(features, torch.zeros(2, 3, 299, 299), "tiny-features.onnx")

    out = {"made with": {p: version(p) for p in ("torchmetrics", "clean-fid", "transformers", "torch")},
           "clip": {"side": SIDE, "sizes": SIZES, "firstSeed": 41, "imageEmbeds": numbers(image_embeds), "textEmbeds": numbers(text_embeds),
                    "cosines": numbers(cosines), "torchmetrics": score, "torchmetricsEach": each, "torchmetricsCrossed": float(clamped.compute()),
                    "crossedCosines": [float(torch.nn.functional.cosine_similarity(image_embeds[i], text_embeds[t], dim=0)) for i, t in ((1, 3), (0, 3))]},
           "q16": {"prompts": numbers(prompts), "images": numbers(q16_input), "probabilities": numbers(q16)},
           "fid": {"a": [60, 66], "b": [80, 87], "cleanFid": float(score_fid)}}
    print(out["clip"]["cosines"], score, each, numbers(q16), score_fid)
    (HERE / "networks.json").write_text(json.dumps(out) + "\n")
