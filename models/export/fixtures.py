"""Miniatures of every supported family with random seeded weights, exported as a real repository is, and the pictures
that diffusers makes of them. For tests/browser/families.test.ts.

Run from the repository root: models/pictogram/.venv/bin/python models/export/fixtures.py [FAMILY … lora quantised]
Writes tests/golden/families/FAMILY/ (model_index.json, graphs in fp32 and fp16, tokenizer …) and FAMILY.safetensors.
The families differ in what their graphs and configurations do, as the published ones do: element types of timestep and
ids, half-precision ports, external or internal weights, tokenizers with and without tokenizer.json.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

# Ties between merges fall the same way on one thread only.
os.environ["RAYON_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import numpy as np
import onnx
import onnxruntime
import torch
from diffusers import (
    AutoencoderKL, AutoencoderTiny, DDIMScheduler, DPMSolverMultistepScheduler, EulerAncestralDiscreteScheduler, EulerDiscreteScheduler, LCMScheduler,
    LatentConsistencyModelPipeline, PNDMScheduler, StableDiffusionPipeline, UNet2DConditionModel)
from onnxruntime.quantization import QuantType, quantize_dynamic
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from check import session
from components import PARTS, Types
from export import export, write_part
from graph import PRODUCER, SHARD_BYTES, name_batch, strip

ROOT = Path(__file__).resolve().parents[2] / "tests" / "golden" / "families"
PROMPTS = ["a red kite over the sea", "Two small keys, 3 coins & a map"]
SEEDS = [7, 123456]
WORDS = ["a photo of the", "an old house by the sea", "red kite", "small keys", "map and coins", "it's 3 o'clock"]
SD = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
START, END = "<|startoftext|>", "<|endoftext|>"


@dataclass
class Family:
    """A miniature: what makes the family different from the others. `runs` are (scheduler, steps, guidance scale)."""

    scheduler: object
    runs: list
    unet: dict = field(default_factory=dict)
    text: dict = field(default_factory=dict)
    pad: str = END
    types: Types = Types()
    tiny_vae: bool = False
    pipeline: type = StableDiffusionPipeline
    tokenizer_json: bool = True
    inline: bool = False
    """Weights inside the graphs, as small published models have them."""


def families() -> dict[str, Family]:
    four = [(kind, 4, 5.0) for kind in (DDIMScheduler, EulerDiscreteScheduler, EulerAncestralDiscreteScheduler, DPMSolverMultistepScheduler)]
    return {
        "sd1": Family(PNDMScheduler(**SD, skip_prk_steps=True, set_alpha_to_one=False, steps_offset=1), [(PNDMScheduler, 4, 5.0), *four],
                      text={"hidden_act": "quick_gelu"}, types=Types(timestep=torch.int64), tokenizer_json=False),
        "sd2-v": Family(DDIMScheduler(**SD, prediction_type="v_prediction", set_alpha_to_one=False, clip_sample=False, steps_offset=1), four,
                        unet={"use_linear_projection": True, "attention_head_dim": (1, 2)}, text={"hidden_act": "gelu"}, pad="!"),
        "sd-turbo": Family(EulerDiscreteScheduler(**SD, timestep_spacing="trailing", steps_offset=1),
                           [(EulerDiscreteScheduler, 1, 0.0), (EulerDiscreteScheduler, 4, 0.0), (EulerAncestralDiscreteScheduler, 2, 0.0)],
                           unet={"use_linear_projection": True}, text={"hidden_act": "gelu"}, pad="!",
                           types=Types(floats=torch.float16, timestep=torch.int64, ids=torch.int32), tokenizer_json=False, inline=True),
        "lcm": Family(LCMScheduler(**SD, set_alpha_to_one=True, steps_offset=1), [(LCMScheduler, 4, 8.0), (LCMScheduler, 1, 8.0)],
                      unet={"time_cond_proj_dim": 32}, text={"hidden_act": "quick_gelu"}, types=Types(timestep=torch.int64),
                      pipeline=LatentConsistencyModelPipeline),
        "sdxs": Family(EulerDiscreteScheduler(**SD, timestep_spacing="trailing"), [(EulerDiscreteScheduler, 1, 0.0)],
                       unet={"sample_size": 8, "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"), "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
                             "mid_block_type": None}, text={"hidden_act": "gelu"}, pad="!", tiny_vae=True, inline=True),
    }


def tokenizer(folder: Path, pad: str) -> CLIPTokenizer:
    """CLIP's own kind of tokenizer with a vocabulary of a few hundred: bytes, bytes that end words, merges, two specials."""
    trained = Tokenizer(models.BPE(end_of_word_suffix="</w>", continuing_subword_prefix=""))
    trained.normalizer = normalizers.Lowercase()
    trained.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    trained.train_from_iterator(WORDS * 3, trainers.BpeTrainer(vocab_size=640, end_of_word_suffix="</w>", show_progress=False, min_frequency=1))
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in json.loads(trained.to_str())["model"]["merges"]]
    alphabet = [c for _, c in sorted(bytes_to_unicode().items(), key=lambda item: (not chr(item[0]).isprintable() or item[0] in (32, 173), item[0]))]
    vocabulary = list(dict.fromkeys([*alphabet, *(c + "</w>" for c in alphabet), *(m.replace(" ", "") for m in merges), START, END]))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({token: i for i, token in enumerate(vocabulary)}, ensure_ascii=False) + "\n", "utf8")
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n", "utf8")
    return CLIPTokenizer(folder / "vocab.json", folder / "merges.txt", pad_token=pad, model_max_length=77)


def bytes_to_unicode() -> dict[int, str]:
    """GPT-2's map of bytes to printable characters."""
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [b for b in range(256) if b not in visible]
    return {**{b: chr(b) for b in visible}, **{b: chr(256 + i) for i, b in enumerate(hidden)}}


def build(family: Family, work: Path) -> StableDiffusionPipeline:
    """A pipeline of random weights whose pictures have contrast: the decoder's last layer is scaled for it."""
    torch.manual_seed(5)
    tok = tokenizer(work / "tokenizer", family.pad)
    text = CLIPTextModel(CLIPTextConfig(
        vocab_size=len(tok.encoder), hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2, max_position_embeddings=77,
        bos_token_id=tok.bos_token_id, eos_token_id=tok.eos_token_id, pad_token_id=tok.pad_token_id, projection_dim=16, **family.text)).eval()
    for parameter in text.parameters():
        if parameter.dim() > 1:
            parameter.data.normal_(0, 0.3)
    unet = UNet2DConditionModel(**{
        "sample_size": 16, "block_out_channels": (8, 16), "layers_per_block": 1, "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"), "mid_block_type": "UNetMidBlock2DCrossAttn", "cross_attention_dim": 16,
        "attention_head_dim": 2, "norm_num_groups": 4, **family.unet}).eval()
    sharpen(unet, len(tok.encoder))
    vae = tiny_decoder() if family.tiny_vae else AutoencoderKL(
        block_out_channels=(8, 8), layers_per_block=1, norm_num_groups=4, sample_size=32, latent_channels=4,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2).eval()
    if not family.tiny_vae:
        vae.decoder.conv_out.weight.data.mul_(1.5)
    # Read back from its file, as everyone does: from then on its defaults count as chosen when another sampler takes over.
    family.scheduler.save_pretrained(work / "scheduler")
    scheduler = type(family.scheduler).from_pretrained(work / "scheduler")
    parts = {"vae": vae, "text_encoder": text, "tokenizer": tok, "unet": unet, "scheduler": scheduler}
    pipeline = family.pipeline(**parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@torch.no_grad()
def sharpen(unet: UNet2DConditionModel, seed: int) -> None:
    """Scales layers so that predictions have a standard deviation of 1 and depend on the prompt, as those of trained models."""
    for name, parameter in unet.named_parameters():
        if name.endswith(("attn2.to_v.weight", "attn2.to_q.weight", "attn2.to_out.0.weight")):
            parameter.mul_(4)
    g = torch.Generator().manual_seed(seed)
    sample, hidden = torch.randn(4, 4, 16, 16, generator=g), torch.randn(4, 77, unet.config.cross_attention_dim, generator=g)
    cond = None if unet.config.time_cond_proj_dim is None else torch.randn(4, unet.config.time_cond_proj_dim, generator=g)
    unet.conv_out.weight.div_(unet(sample, 500, hidden, timestep_cond=cond).sample.std())


def tiny_decoder() -> AutoencoderTiny:
    vae = AutoencoderTiny(
        encoder_block_out_channels=(8, 8), decoder_block_out_channels=(8, 8), num_encoder_blocks=(1, 1), num_decoder_blocks=(1, 1), latent_channels=4).eval()
    list(vae.decoder.layers)[-1].weight.data.mul_(4)
    return vae


@torch.no_grad()
def pictures(pipeline: StableDiffusionPipeline, runs: list) -> dict[str, torch.Tensor]:
    """RGB [2, height, width, 3] and final latents of every run, by `scheduler.steps`."""
    found, own = {}, pipeline.scheduler
    for kind, steps, guidance in runs:
        pipeline.scheduler = kind.from_config(own.config)
        generators = [torch.Generator().manual_seed(seed) for seed in SEEDS]
        latents = pipeline(PROMPTS, num_inference_steps=steps, guidance_scale=guidance, generator=generators, output_type="latent").images
        sample = pipeline.vae.decode(latents / pipeline.vae.config.scaling_factor).sample
        rgb = ((sample / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).numpy() * 255).round().astype(np.uint8)
        name = f"{kind.__name__}.{steps}"
        found |= {f"{name}.rgb": torch.from_numpy(rgb.copy()), f"{name}.latents": latents.contiguous()}
        print(f"  {name}: standard deviation of channel values {rgb.astype(float).std():.0f}", flush=True)
    pipeline.scheduler = own
    kept = [value.numpy().astype(float) for key, value in found.items() if key.endswith(".rgb")]
    if len(kept) > 1:
        print(f"  pictures of the first two runs: {10 * np.log10(255**2 / ((kept[0] - kept[1]) ** 2).mean()):.0f} dB", flush=True)
    return found


def lora_file(pipeline: StableDiffusionPipeline, file: Path) -> None:
    """Random factors of rank 2 on every attention projection of U-Net and text encoder, as diffusers and PEFT name them."""
    tensors, g = {}, torch.Generator().manual_seed(11)
    for prefix, model, names in (("unet", pipeline.unet, ("to_q", "to_k", "to_v", "to_out.0")), ("text_encoder", pipeline.text_encoder, ("q_proj", "v_proj"))):
        for name, module in model.named_modules():
            if name.endswith(names):
                tensors[f"{prefix}.{name}.lora_A.weight"] = 0.3 * torch.randn(2, module.in_features, generator=g)
                tensors[f"{prefix}.{name}.lora_B.weight"] = 0.3 * torch.randn(module.out_features, 2, generator=g)
    save_file(tensors, file)


def make_lora(family: Family) -> None:
    """The first family under a LoRA, loaded by diffusers itself."""
    with tempfile.TemporaryDirectory() as work:
        pipeline = build(family, Path(work))
    pipeline.tokenizer = CLIPTokenizer.from_pretrained(ROOT / "sd1" / "tokenizer")
    file = ROOT / "lora.safetensors"
    lora_file(pipeline, file)
    pipeline.load_lora_weights(file)
    save_file(pictures(pipeline, [(DDIMScheduler, 4, 5.0)]), ROOT / "lora-pictures.safetensors")


def make_quantised(family: Family) -> None:
    """The first family's U-Net in 4 bits (export.py's q4f16) and in 8 bits (onnxruntime's dynamic quantiser, as optimum
    publishes it), with the pictures diffusers makes when it denoises by those very graphs in onnxruntime."""
    folder = ROOT.parent / "quantised"
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory() as work:
        pipeline = build(family, Path(work))
    pipeline.tokenizer = CLIPTokenizer.from_pretrained(ROOT / "sd1" / "tokenizer")
    own = copy.copy(pipeline)
    own.unet = copy.deepcopy(pipeline.unet)
    (folder / "unet").mkdir(parents=True)
    part = PARTS["unet"](own, Types(torch.float16, family.types.floats, family.types.timestep, family.types.ids))
    file = folder / "unet" / "model_q4f16.onnx"
    print(f"  q4f16: {write_part(part, file, torch.float16, True, SHARD_BYTES, True)}")
    file.with_suffix(".weights.json").unlink()
    quantise_8(ROOT / "sd1" / "unet" / "model.onnx", folder / "unet" / "model_int8.onnx")
    golden = {}
    for variant in ("q4f16", "int8"):
        network = session(folder / "unet" / f"model_{variant}.onnx")

        def forward(sample, timestep, encoder_hidden_states, **_):
            feeds = {"sample": sample.numpy(), "timestep": np.array([int(timestep)]), "encoder_hidden_states": encoder_hidden_states.numpy()}
            return (torch.from_numpy(network.run(None, feeds)[0]),)

        pipeline.unet.forward = forward
        golden[variant] = pictures(pipeline, [(DDIMScheduler, 4, 5.0)])["DDIMScheduler.4.rgb"]
    save_file(golden, folder / "pictures.safetensors")


def quantise_8(source: Path, file: Path) -> None:
    """Weights of matrix products in 8 bits, of which 7 are used, so that no processor saturates. They have to stand in the
    graph untransposed, as other exporters write them."""
    with tempfile.TemporaryDirectory() as work:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = f"{work}/folded.onnx"
        onnx.save_model(onnx.load(source), f"{work}/whole.onnx")
        onnxruntime.InferenceSession(f"{work}/whole.onnx", options, providers=["CPUExecutionProvider"])
        quantize_dynamic(f"{work}/folded.onnx", file, weight_type=QuantType.QInt8, reduce_range=True, op_types_to_quantize=["MatMul", "Gemm"])
    model = onnx.load(file)
    strip(model, PRODUCER)
    name_batch(model)
    file.write_bytes(model.SerializeToString(deterministic=True))


def inline(folder: Path) -> None:
    """Puts the weights of every graph inside it and removes what lay outside."""
    for file in sorted(folder.glob("*/*.onnx")):
        bare = onnx.load(file, load_external_data=False)
        model = onnx.load(file)
        for location in {pair.value for i in bare.graph.initializer for pair in i.external_data if pair.key == "location"}:
            (file.parent / location).unlink()
        onnx.external_data_helper.convert_model_from_external_data(model)
        file.write_bytes(model.SerializeToString(deterministic=True))


def make(name: str, family: Family) -> None:
    folder = ROOT / name
    shutil.rmtree(folder, ignore_errors=True)
    pipeline = build(family, folder)
    golden = pictures(pipeline, family.runs)
    ids = pipeline.tokenizer(PROMPTS, padding="max_length", max_length=77).input_ids
    golden["input_ids"] = torch.tensor(ids, dtype=torch.int32)
    export(pipeline, folder, precisions=["fp32", "fp16"], types=family.types, source="models/export/fixtures.py", licence="MIT")
    for file in folder.rglob("*.weights.json"):
        file.unlink()
    (folder / "manifest.json").unlink()
    if family.inline:
        inline(folder)
    if not family.tokenizer_json:
        (folder / "tokenizer" / "tokenizer.json").unlink(missing_ok=True)
    save_file(golden, ROOT / f"{name}.safetensors")
    facts = {"prompts": PROMPTS, "seeds": SEEDS, "runs": [{"scheduler": k.__name__, "steps": s, "guidanceScale": g} for k, s, g in family.runs]}
    (ROOT / f"{name}.json").write_text(json.dumps(facts, indent=1) + "\n", "utf8")


if __name__ == "__main__":
    torch.set_num_threads(1)
    wanted = sys.argv[1:] or [*families(), "lora", "quantised"]
    for each in wanted:
        print(each, flush=True)
        if each == "lora":
            make_lora(families()["sd1"])
        elif each == "quantised":
            make_quantised(families()["sd1"])
        else:
            make(each, families()[each])
