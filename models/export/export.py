"""A diffusers checkpoint → ONNX graphs that this page, optimum and transformers.js can load.

    python models/export/export.py CHECKPOINT OUT [--lora FILE …] [--precision fp32 fp16 q4f16] [--encoder]

CHECKPOINT is a folder or a hub id of a Stable Diffusion pipeline: a base model, an aligned one (ESD, MACE, SalUn …) or
a fine-tuned one. OUT receives model_index.json, the scheduler's and parts' configurations, the tokenizer, one folder
per part with graph and weights, and manifest.json with the size and SHA-256 of every file.
"""

from __future__ import annotations

import argparse
import copy
import json
from pathlib import Path

import torch
from diffusers import DiffusionPipeline
from transformers import CLIPTokenizerFast

from check import assert_equal, output
from components import PARTS, Part, Types
from graph import SHARD_BYTES, file_entry, write_graph
from quantise import quantise

PRECISIONS = {"fp32": torch.float32, "fp16": torch.float16, "q4f16": torch.float16}
"""Type of the arithmetic. `q4f16`: half precision with linear weights in 4 bits."""
DTYPES = {"float32": torch.float32, "float16": torch.float16, "int64": torch.int64, "int32": torch.int32}


def graph_name(precision: str, first: bool) -> str:
    """`model.onnx` is the precision named first; others carry theirs, as on the hub."""
    return "model.onnx" if first else f"model_{precision}.onnx"


def write_configs(pipeline: DiffusionPipeline, out: Path) -> None:
    """Everything but weights: model_index.json, scheduler, tokenizer (also as tokenizer.json) and parts' configurations."""
    pipeline.save_config(out)
    pipeline.scheduler.save_pretrained(out / "scheduler")
    pipeline.tokenizer.save_pretrained(out / "tokenizer")
    if not (out / "tokenizer" / "tokenizer.json").exists():
        CLIPTokenizerFast.from_pretrained(out / "tokenizer").save_pretrained(out / "tokenizer")
    for folder, part in (("text_encoder", pipeline.text_encoder), ("unet", pipeline.unet), ("vae_decoder", pipeline.vae)):
        (out / folder).mkdir(parents=True, exist_ok=True)
        if hasattr(part, "save_config"):
            part.save_config(out / folder)
        else:
            part.config.save_pretrained(out / folder)
    # save_pretrained writes where it loaded from; a published folder does not.
    for file in (*out.rglob("config.json"), out / "model_index.json"):
        config = {k: v for k, v in json.loads(file.read_text("utf8")).items() if k != "_name_or_path"}
        file.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", "utf8")


def write_parts(pipeline: DiffusionPipeline, out: Path, names: list[str], precisions: list[str], types: Types, shard_bytes: int, check: bool) -> None:
    for name in names:
        for k, precision in enumerate(precisions):
            inside = PRECISIONS[precision]
            # half() works in place, and float32 must not be made of halves.
            own = copy.copy(pipeline) if k + 1 == len(precisions) else _copied(pipeline, name)
            part = PARTS[name](own, Types(inside, types.floats, types.timestep, types.ids))
            file = out / name / graph_name(precision, k == 0)
            said = write_part(part, file, inside, precision == "q4f16", shard_bytes, check)
            print(f"{name} {precision}: {said}", flush=True)


def write_part(part: Part, file: Path, inside: torch.dtype, four_bits: bool, shard_bytes: int, check: bool) -> str:
    """One graph with its weights, its weight list and its check; returns what was written in words."""
    restored: dict[str, torch.Tensor] = {}
    rows = write_graph(part.module, part.example, part.outputs, file, shard_bytes, (lambda model, state: restored.update(quantise(model, state))) if four_bits else None)
    (file.with_suffix(".weights.json")).write_text(json.dumps(rows, separators=(",", ":")) + "\n", "utf8")
    said = [f"{len(rows)} weights, {sum(row['length'] for row in rows) / 1e6:.1f} MB"]
    if check:
        whole = output(part)
        if restored:
            # What the graph computes is compared with torch on the same rounded weights; how much rounding matters is told.
            part.module.load_state_dict(restored, strict=False)
            rounded = output(part)
            said.append(f"4 bits change the output by {float((rounded - whole).norm() / whole.norm()):.1%}")
        said.append(f"differs from torch by {assert_equal(part, file, inside):.1e}")
    else:
        said.append("not checked")
    return ", ".join(said)


def _copied(pipeline: DiffusionPipeline, name: str) -> DiffusionPipeline:
    """A pipeline whose one part is its own copy."""
    own = copy.copy(pipeline)
    attribute = "vae" if name.startswith("vae") else name
    setattr(own, attribute, copy.deepcopy(getattr(pipeline, attribute)))
    return own


def write_manifest(out: Path, source: str, loras: list[str], licence: str | None) -> None:
    files = sorted(p for p in out.rglob("*") if p.is_file() and p.name != "manifest.json")
    manifest = {"schema": 1, "kind": "repository", "source": source, "loras": loras, "licence": licence, "files": [file_entry(out, p) for p in files]}
    (out / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", "utf8")


def export(pipeline: DiffusionPipeline, out: Path, *, precisions: list[str], types: Types, encoder: bool = False, shard_bytes: int = SHARD_BYTES,
           check: bool = True, source: str, loras: list[str] | None = None, licence: str | None = None) -> None:
    """Writes every file of the layout to `out`."""
    out.mkdir(parents=True, exist_ok=True)
    write_configs(pipeline, out)
    names = ["text_encoder", "unet", "vae_decoder", *(["vae_encoder"] if encoder else [])]
    write_parts(pipeline, out, names, precisions, types, shard_bytes, check)
    write_manifest(out, source, loras or [], licence)


def load(checkpoint: str, loras: list[str]) -> DiffusionPipeline:
    """The pipeline in float32 without safety checker, LoRAs fused in. Refuses other architectures in one sentence."""
    pipeline = DiffusionPipeline.from_pretrained(checkpoint, torch_dtype=torch.float32, safety_checker=None)
    missing = [part for part in ("text_encoder", "unet", "vae", "tokenizer", "scheduler") if getattr(pipeline, part, None) is None]
    if missing or getattr(pipeline, "text_encoder_2", None) is not None:
        raise SystemExit(f"{checkpoint} is a {type(pipeline).__name__}, which has another layout; Stable Diffusion 1.x and 2.x and their distilled kin can be exported.")
    for lora in loras:
        pipeline.load_lora_weights(lora)
        pipeline.fuse_lora()
        pipeline.unload_lora_weights()
    return pipeline


def public(name: str) -> str:
    """An id as it is; of a path only the last part, because the manifest is published."""
    return Path(name).name if Path(name).exists() else name


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint")
    parser.add_argument("out", type=Path)
    parser.add_argument("--lora", action="append", default=[], help="a LoRA to fuse in (file, folder or hub id); may be given several times")
    parser.add_argument("--precision", nargs="+", choices=list(PRECISIONS), default=["fp16"], help="one graph each; the first is model.onnx (default: fp16)")
    parser.add_argument("--io", choices=["float32", "float16"], default="float32", help="type of samples and embeddings at the ports")
    parser.add_argument("--timestep", choices=["float32", "float16", "int64"], default="float32", help="fractional timesteps need a float")
    parser.add_argument("--ids", choices=["int64", "int32"], default="int64")
    parser.add_argument("--encoder", action="store_true", help="also the VAE's encoder, which fine-tuning needs")
    parser.add_argument("--shard-bytes", type=int, default=SHARD_BYTES)
    parser.add_argument("--no-check", action="store_true", help="skip the comparison with torch (needs twice the memory)")
    parser.add_argument("--licence", help="as the hub spells it, such as creativeml-openrail-m; written to manifest.json")
    args = parser.parse_args()
    types = Types(floats=DTYPES[args.io], timestep=DTYPES[args.timestep], ids=DTYPES[args.ids])
    export(load(args.checkpoint, args.lora), args.out, precisions=args.precision, types=types, encoder=args.encoder, shard_bytes=args.shard_bytes,
           check=not args.no_check, source=public(args.checkpoint), loras=[public(lora) for lora in args.lora], licence=args.licence)


if __name__ == "__main__":
    main()
