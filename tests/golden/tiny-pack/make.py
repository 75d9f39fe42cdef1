"""Makes the tiny pack: every part of a pictogram pack with random seeded weights and the smallest sizes that still
exercise every line, and golden values computed by PyTorch and diffusers from the same (float16-rounded) weights.

Run from the repository root: models/pictogram/.venv/bin/python tests/golden/tiny-pack/make.py
Writes pack/ (manifest, graphs, weights, tokenizer, prompts, adapters) and golden.safetensors, golden.json.
Tolerance: float32 against float32 on another runtime, largest difference 2e-4 for latents and samples of size ~1,
RGB within 1 of 255.
"""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, EulerAncestralDiscreteScheduler, FlowMatchEulerDiscreteScheduler, UNet2DConditionModel
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, PreTrainedTokenizerFast

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2] / "models" / "pictogram"))
from export.pack import file_entry  # noqa: E402
from export.components import Case  # noqa: E402
from export.graph import round_to_half, with_forward  # noqa: E402
from export.write import write_component  # noqa: E402

ROOT = HERE / "pack"
LENGTH, WIDTH, CHANNELS, LATENT, IMAGE, BATCH = 16, 16, 4, 8, 16, 3
STEPS, GUIDANCE = 4, 3.0
PROMPTS = ["a red kite", "two small keys", "طائر أزرق", "a quiet lake in the early morning light with many tall reeds and three grey herons"]
SEEDS = [7, 4294967295, 123456, 99]


def tokenizer() -> PreTrainedTokenizerFast:
    fast = Tokenizer(models.BPE())
    fast.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    fast.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation("contiguous"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    fast.decoder = decoders.ByteLevel()
    fast.train_from_iterator(PROMPTS * 3, trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<bos>", "<eos>", "<pad>"], show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet())))
    fast.post_processor = processors.TemplateProcessing(single="<bos> $A <eos>", special_tokens=[("<bos>", 0), ("<eos>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=fast, bos_token="<bos>", eos_token="<eos>", pad_token="<pad>", model_max_length=LENGTH,
        padding_side="right", truncation_side="right", clean_up_tokenization_spaces=False)


class Tower(nn.Module):
    """A strided convolution and linear heads: enough of a judge to check preprocessing and reading of outputs."""

    def __init__(self, *heads: int):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 4, 4)
        self.heads = nn.ModuleList(nn.Linear(8 * 16, n) for n in heads)

    def forward(self, pixel_values):
        x = torch.relu(self.conv(pixel_values)).flatten(1)
        out = tuple(head(x) for head in self.heads)
        return out if len(out) > 1 else out[0]


class TextTower(nn.Module):
    def __init__(self, vocabulary: int):
        super().__init__()
        self.token = nn.Embedding(vocabulary, 8)
        self.project = nn.Linear(8, 8)

    def forward(self, input_ids):
        return self.project(self.token(input_ids).mean(1))


def lora(unet, rank: int = 2) -> dict[str, torch.Tensor]:
    """PEFT layout; alpha defaults to the rank, so ΔW = B·A."""
    tensors, g = {}, torch.Generator().manual_seed(11)
    for name, module in unet.named_modules():
        if name.endswith(("attn2.to_k", "attn2.to_v")):
            tensors[f"unet.{name}.lora_A.weight"] = 0.5 * torch.randn(rank, module.in_features, generator=g)
            tensors[f"unet.{name}.lora_B.weight"] = 0.5 * torch.randn(module.out_features, rank, generator=g)
    return tensors


def entry(path: Path) -> dict:
    return file_entry(ROOT, path)


@torch.no_grad()
def main() -> None:
    torch.manual_seed(3)
    ROOT.mkdir(exist_ok=True)
    tok = tokenizer()
    tok.save_pretrained(ROOT / "tokenizer")
    config = json.loads((ROOT / "tokenizer" / "tokenizer_config.json").read_text("utf8"))
    config["tokenizer_class"] = "PreTrainedTokenizerFast"
    (ROOT / "tokenizer" / "tokenizer_config.json").write_text(json.dumps(config, indent=1, sort_keys=True) + "\n", "utf8")
    for extra in (ROOT / "tokenizer").iterdir():
        if extra.name not in ("tokenizer.json", "tokenizer_config.json"):
            extra.unlink()

    text = CLIPTextModel(CLIPTextConfig(
        vocab_size=len(tok), hidden_size=WIDTH, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=LENGTH, bos_token_id=0, eos_token_id=1, pad_token_id=2, projection_dim=8)).eval()
    for parameter in text.parameters():
        if parameter.dim() > 1:
            parameter.normal_(0, 0.3)
    unet = UNet2DConditionModel(
        sample_size=LATENT, in_channels=CHANNELS, out_channels=CHANNELS, down_block_types=("CrossAttnDownBlock2D",),
        up_block_types=("CrossAttnUpBlock2D",), mid_block_type=None, block_out_channels=(12,), layers_per_block=1,
        cross_attention_dim=WIDTH, attention_head_dim=2, norm_num_groups=4).eval()
    vae = AutoencoderKL(
        latent_channels=CHANNELS, block_out_channels=(8, 8), layers_per_block=1, norm_num_groups=4, sample_size=IMAGE,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2, mid_block_add_attention=False).eval()
    safety, clip_image, clip_text, features = Tower(4, 1).eval(), Tower(8).eval(), TextTower(len(tok)).eval(), Tower(8).eval()
    for module in (text, unet, vae, safety, clip_image, clip_text, features):
        round_to_half(module)

    def text_forward(self, input_ids):
        return CLIPTextModel.forward(self, input_ids=input_ids).last_hidden_state

    def unet_forward(self, sample, timestep, encoder_hidden_states):
        return UNet2DConditionModel.forward(self, sample, timestep, encoder_hidden_states, return_dict=False)[0]

    def vae_forward(self, latent_sample):
        return self.decoder(self.post_quant_conv(latent_sample))

    decoder = with_forward(vae, vae_forward)
    del decoder.encoder, decoder.quant_conv
    ids = torch.randint(0, len(tok), (BATCH, LENGTH))
    latents, pixels = torch.randn(BATCH, CHANNELS, LATENT, LATENT), torch.randn(BATCH, 3, IMAGE, IMAGE)
    cases = {
        "text_encoder": Case(with_forward(text, text_forward), {"input_ids": ids}, ["last_hidden_state"]),
        "unet": Case(with_forward(unet, unet_forward), {"sample": latents, "timestep": 1000 * torch.rand(BATCH),
                     "encoder_hidden_states": torch.randn(BATCH, LENGTH, WIDTH)}, ["out_sample"]),
        "vae_decoder": Case(decoder, {"latent_sample": latents}, ["sample"]),
        "judge-safety": Case(safety, {"pixel_values": pixels}, ["logits", "legible"]),
        "judge-clip-image": Case(clip_image, {"pixel_values": pixels}, ["image_embeds"]),
        "judge-clip-text": Case(clip_text, {"input_ids": ids}, ["text_embeds"]),
        "judge-features": Case(features, {"pixel_values": pixels}, ["features"]),
    }
    parts = {name: write_component(ROOT, name, case) for name, case in cases.items()}

    adapters = ROOT / "adapters"
    adapters.mkdir(exist_ok=True)
    low_rank = lora(unet)
    save_file(low_rank, adapters / "lora.safetensors")
    state, g = unet.state_dict(), torch.Generator().manual_seed(12)
    name = "up_blocks.0.resnets.0.conv1.weight"
    q = torch.randint(-127, 128, state[name].shape, generator=g, dtype=torch.int8)
    scale = 0.002 * torch.rand(len(q), generator=g)
    save_file({name: q, f"{name}.scale": scale}, adapters / "delta.safetensors", metadata={"format": "delta-int8"})

    real = torch.randn(40, 8, generator=g)
    save_file({"features": real}, ROOT / "reference.safetensors")
    prompts = [dict(id=f"tiny-{i}", text=t, language="ar" if i == 2 else "en", suite="tiny", category="tiny", concept=None)
               for i, t in enumerate(PROMPTS)]
    (ROOT / "prompts.json").write_text(json.dumps(prompts, ensure_ascii=False, indent=1) + "\n", "utf8")
    pixel = {"mode": "rgb-unit", "mean": [0.5, 0.4, 0.3], "std": [0.25, 0.3, 0.35], "height": IMAGE, "width": IMAGE}
    common = {"licence": "MIT", "source": "tests/golden/tiny-pack/make.py", "preprocessing": pixel}
    manifest = {
        "schema": 1, "id": "tiny", "version": "1", "title": "Tiny pack of random weights", "licence": "MIT", "attribution": [],
        "model": {
            "tokenizer": {"path": "tokenizer", "files": [entry(ROOT / "tokenizer" / n) for n in ("tokenizer.json", "tokenizer_config.json")],
                          "maxLength": LENGTH, "padTokenId": 2},
            "textEncoder": parts["text_encoder"], "unet": parts["unet"], "vaeDecoder": parts["vae_decoder"],
            "latent": {"channels": CHANNELS, "height": LATENT, "width": LATENT, "scalingFactor": 1.3, "shiftFactor": 0.05},
            "image": {"height": IMAGE, "width": IMAGE},
            "scheduler": {"type": "FlowMatchEulerDiscreteScheduler", "predictionType": "flow", "numTrainTimesteps": 1000, "shift": 1,
                          "timestepSpacing": "trailing", "numInferenceSteps": STEPS, "guidanceScale": GUIDANCE},
        },
        "judges": [
            {"id": "safety", "title": "Safety", **common, "axis": "S", "kind": "safety-multilabel", "model": parts["judge-safety"],
             "labels": ["a", "b", "c", "d"], "threshold": 0.5, "legibility": {"output": "legible", "threshold": 0.5}},
            {"id": "clip", "title": "Clip", **common, "axis": "P", "kind": "clip", "image": parts["judge-clip-image"],
             "text": parts["judge-clip-text"], "ceiling": {"value": 0.5, "n": 4, "how": "none: random weights"}},
            {"id": "features", "title": "Features", **common, "axis": "Q", "kind": "features", "model": parts["judge-features"],
             "dimension": 8, "reference": entry(ROOT / "reference.safetensors"),
             "bounds": [{"n": 4, "min": 0, "max": 100, "how": "none: random weights"}]},
        ],
        "adapters": [
            {"id": "lora", "role": "alignment", "method": "esd-x", "profile": None, "scenario": None, "on": None, "format": "lora",
             "file": entry(adapters / "lora.safetensors"), "settings": {}},
            {"id": "delta", "role": "fine-tune", "method": "bft", "profile": "standard", "scenario": "general", "on": "lora",
             "format": "delta-int8", "file": entry(adapters / "delta.safetensors"), "settings": {}},
        ],
        "prompts": [{"suite": "tiny", "harmful": False, "languages": ["en", "ar"], "count": len(PROMPTS), "file": entry(ROOT / "prompts.json")}],
        "measured": None,
    }
    (ROOT / "manifest.json").write_text(json.dumps(manifest, ensure_ascii=False) + "\n", "utf8")

    ids = tok(PROMPTS, padding="max_length", truncation=True, max_length=LENGTH, return_tensors="pt").input_ids
    empty = tok([""], padding="max_length", max_length=LENGTH, return_tensors="pt").input_ids
    hidden, free = text(input_ids=ids).last_hidden_state, text(input_ids=empty).last_hidden_state.repeat(len(PROMPTS), 1, 1)
    aligned, tuned = copy.deepcopy(unet), None
    own = aligned.state_dict()
    for key in list(low_rank):
        if key.endswith("lora_A.weight"):
            own[key[5:-14] + ".weight"].add_(low_rank[key.replace("lora_A", "lora_B")] @ low_rank[key])
    tuned = copy.deepcopy(aligned)
    tuned.state_dict()[name].add_(scale[:, None, None, None] * q.float())

    def draw(net, scheduler, generators):
        shape = (CHANNELS, LATENT, LATENT)
        x = torch.stack([torch.randn(shape, generator=g) for g in generators]) * getattr(scheduler, "init_noise_sigma", 1)
        trail = [x]
        for t in scheduler.timesteps:
            inputs = scheduler.scale_model_input(torch.cat([x, x]), t) if hasattr(scheduler, "scale_model_input") else torch.cat([x, x])
            out = net(inputs, torch.full((2 * len(x),), float(t)), torch.cat([free, hidden])).sample
            u, c = out.chunk(2)
            guided = u + GUIDANCE * (c - u)
            if isinstance(scheduler, EulerAncestralDiscreteScheduler):
                x = scheduler.step(guided, t, x, generator=generators).prev_sample
            else:
                x = scheduler.step(guided, t, x).prev_sample
            trail.append(x)
        return torch.stack(trail)

    generators = lambda: [torch.Generator().manual_seed(s) for s in SEEDS]  # noqa: E731
    golden, rgb = {"input_ids": ids.int(), "last_hidden_state": hidden}, None
    for stage, net in (("base", unet), ("aligned", aligned), ("fine-tuned", tuned)):
        flow = FlowMatchEulerDiscreteScheduler()
        flow.set_timesteps(sigmas=list(np.linspace(1, 1 / STEPS, STEPS)))
        trail = draw(net, flow, generators())
        sample = vae.decode(trail[-1] / 1.3 + 0.05).sample
        rgb = ((sample / 2 + 0.5).clamp(0, 1).numpy() * 255).round().astype(np.uint8).transpose(0, 2, 3, 1)
        golden |= {f"{stage}.latents": trail, f"{stage}.sample": sample, f"{stage}.rgb": torch.from_numpy(rgb.copy())}
        if stage == "base":
            x = (torch.from_numpy(rgb.copy()).permute(0, 3, 1, 2).float() / 255 - torch.tensor(pixel["mean"]).view(3, 1, 1)) / torch.tensor(pixel["std"]).view(3, 1, 1)
            logits, legible = safety(x)
            golden |= {"safety": logits.sigmoid(), "legible": legible.sigmoid()[:, 0], "features": features(x),
                       "cosine": torch.cosine_similarity(clip_image(x), clip_text(ids))}
    ancestral = EulerAncestralDiscreteScheduler(num_train_timesteps=1000, beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear",
                                                timestep_spacing="leading", steps_offset=1)
    ancestral.set_timesteps(STEPS)
    golden["ancestral.latents"] = draw(unet, ancestral, generators())[-1]
    save_file({k: v.contiguous() for k, v in golden.items()}, HERE / "golden.safetensors")
    spread = rgb.reshape(len(rgb), -1, 3)
    print("spread of channel values per picture:", (spread.max(1).astype(int) - spread.min(1)).tolist())
    (HERE / "golden.json").write_text(json.dumps({"prompts": PROMPTS, "seeds": SEEDS, "steps": STEPS, "guidanceScale": GUIDANCE}, ensure_ascii=False, indent=1) + "\n", "utf8")


if __name__ == "__main__":
    main()
