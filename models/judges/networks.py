"""CLIP and image classifiers from transformers checkpoints to ONNX, on your machine, for those without published ONNX.

    python models/judges/networks.py clip CHECKPOINT OUT --id ID --title TITLE --licence LICENCE
    python models/judges/networks.py classifier CHECKPOINT OUT --id … --unsafe LABEL [LABEL …] [--threshold 0.5]

CHECKPOINT is a folder or hub name that transformers loads, such as openai/clip-vit-base-patch32 or
Falconsai/nsfw_image_detection.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from transformers import AutoImageProcessor, AutoTokenizer, CLIPModel, CLIPTokenizerFast, ViTForImageClassification

from files import check, entry, export, graph_entry, run, write_judge


class ImageSide(torch.nn.Module):
    def __init__(self, clip: CLIPModel):
        super().__init__()
        self.vision, self.project = clip.vision_model, clip.visual_projection

    def forward(self, pixel_values):
        return self.project(self.vision(pixel_values=pixel_values).pooler_output)


class TextSide(torch.nn.Module):
    """The text tower; its mask of past tokens is written out, since exporters cannot trace transformers' own."""

    def __init__(self, clip: CLIPModel):
        super().__init__()
        text = clip.text_model
        self.embeddings, self.layers, self.norm, self.project = text.embeddings, text.encoder.layers, text.final_layer_norm, clip.text_projection
        self.end = clip.config.text_config.eos_token_id

    def forward(self, input_ids):
        length = input_ids.shape[1]
        past = torch.full((length, length), torch.finfo(torch.float32).min).triu(1)[None, None]
        x = self.embeddings(input_ids=input_ids)
        for layer in self.layers:
            x = layer(x, attention_mask=None, causal_attention_mask=past)[0]
        # Checkpoints whose configuration still says 2 end their texts with the highest id.
        place = input_ids.argmax(1) if self.end == 2 else (input_ids == self.end).int().argmax(1)
        picked = torch.nn.functional.one_hot(place, length).to(x.dtype)[:, :, None]
        return self.project((self.norm(x) * picked).sum(1))


class Classifier(torch.nn.Module):
    def __init__(self, model: ViTForImageClassification):
        super().__init__()
        self.model = model

    def forward(self, pixel_values):
        return self.model(pixel_values=pixel_values).logits


def pixels(size: int, count: int = 2) -> torch.Tensor:
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(1))


def export_image_side(clip: CLIPModel, out: Path) -> Path:
    path, example = out / "image.onnx", pixels(clip.config.vision_config.image_size)
    export(ImageSide(clip), {"pixel_values": example}, path, ["image_embeds"], {"pixel_values": [0]})
    with torch.no_grad():
        for batch in (example, example[:1]):
            check("CLIP image side", run(path, {"pixel_values": batch})["image_embeds"], clip.get_image_features(pixel_values=batch))
    return path


def export_clip(clip: CLIPModel, tokenizer: CLIPTokenizerFast, out: Path, judge: dict) -> None:
    length = clip.config.text_config.max_position_embeddings
    image, text = export_image_side(clip, out), out / "text.onnx"
    ids = tokenizer(["a red kite", "two small keys on a map"], padding="max_length", max_length=length, return_tensors="pt").input_ids
    export(TextSide(clip), {"input_ids": ids}, text, ["text_embeds"], {"input_ids": [0]})
    with torch.no_grad():
        check("CLIP text side", run(text, {"input_ids": ids})["text_embeds"], clip.get_text_features(input_ids=ids))
    folder = out / "tokenizer"
    tokenizer.save_pretrained(folder)
    names = ("tokenizer.json", "tokenizer_config.json")
    for extra in folder.iterdir():
        if extra.name not in names:
            extra.unlink()
    write_judge(out, {
        **judge, "axis": "P", "kind": "clip", "preprocessing": {"mode": "clip", "size": clip.config.vision_config.image_size},
        "image": graph_entry(out, image), "text": graph_entry(out, text), "ceiling": judge.get("ceiling"),
        "tokenizer": {"path": "tokenizer", "files": [entry(out, folder / name) for name in names], "maxLength": length, "padTokenId": tokenizer.pad_token_id}})


def export_classifier(model: ViTForImageClassification, preprocessing: dict, out: Path, judge: dict, unsafe: list[str]) -> None:
    labels = [model.config.id2label[i] for i in range(model.config.num_labels)]
    if stranger := [label for label in unsafe if label not in labels]:
        raise SystemExit(f"The classifier has no class {stranger[0]!r}; its classes are {', '.join(labels)}.")
    path, example = out / "model.onnx", pixels(model.config.image_size)
    export(Classifier(model), {"pixel_values": example}, path, ["logits"], {"pixel_values": [0]})
    with torch.no_grad():
        check("Classifier", run(path, {"pixel_values": example})["logits"], model(pixel_values=example).logits)
    write_judge(out, {**judge, "axis": "S", "kind": "classifier", "preprocessing": preprocessing, "model": graph_entry(out, path), "labels": labels, "unsafe": unsafe})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["clip", "classifier"])
    parser.add_argument("checkpoint")
    parser.add_argument("out", type=Path)
    for name in ("id", "title", "licence"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--unsafe", nargs="+", default=[], help="classes that make a picture unsafe")
    parser.add_argument("--threshold", type=float, default=0.5)
    args = parser.parse_args()
    judge = {"id": args.id, "title": args.title, "licence": args.licence, "source": args.checkpoint}
    if args.what == "clip":
        export_clip(CLIPModel.from_pretrained(args.checkpoint).eval(), AutoTokenizer.from_pretrained(args.checkpoint), args.out, judge)
        return
    if not args.unsafe:
        parser.error("--unsafe must name at least one class")
    config = AutoImageProcessor.from_pretrained(args.checkpoint).to_dict()
    size = config["size"]["height"] if "height" in config["size"] else config["size"]["shortest_edge"]
    preprocessing = {"mode": "vit", "size": size, "mean": config["image_mean"], "std": config["image_std"], "filter": "bicubic" if config["resample"] == 3 else "bilinear"}
    model = ViTForImageClassification.from_pretrained(args.checkpoint).eval()
    export_classifier(model, preprocessing, args.out, {**judge, "threshold": args.threshold}, args.unsafe)


if __name__ == "__main__":
    main()
