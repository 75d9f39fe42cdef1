"""LlavaGuard and other judges of the LLaVA-OneVision (Qwen2) architecture to ONNX for transformers.js, on your machine.

    python models/judges/llavaguard.py CHECKPOINT OUT --policy POLICY.txt [--dtype fp32|q4] [--id llavaguard-0.5b]

CHECKPOINT is a folder or hub name that transformers loads as LlavaOnevisionForConditionalGeneration, such as
AIML-TUDA/LlavaGuard-v1.2-0.5B-OV-hf. POLICY.txt is what the model was trained to be asked: for LlavaGuard the policy of
its model card, to the letter. Its categories are the lines that begin with a code, as `O3: …`.

Writes onnx/embed_tokens, vision_encoder and decoder_model_merged, tokenizer, configuration and manifest.json. The picture
is one view (no high-resolution tiles), closed by the model's newline embedding, as it reads several pictures at once.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn
from transformers import AutoTokenizer, LlavaOnevisionForConditionalGeneration

from files import check, entry, export, run, write_judge

CHAT = "<|im_start|>user <image>\n{policy}<|im_end|><|im_start|>assistant\n"
"""The chat format of all LLaVA-OneVision models on Qwen2."""
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")


class Vision(nn.Module):
    """[1, 3, size, size] → features of the patches and the newline, [patches + 1, hidden]."""

    def __init__(self, model: LlavaOnevisionForConditionalGeneration):
        super().__init__()
        tower = model.model.vision_tower.vision_model
        self.embeddings, self.layers = tower.embeddings, tower.encoder.layers
        self.projector, self.newline = model.model.multi_modal_projector, model.model.image_newline
        # The chosen hidden state counts from the end, after the embeddings' own.
        layer = model.config.vision_feature_layer
        self.depth = layer if layer >= 0 else len(self.layers) + 1 + layer

    def forward(self, pixel_values):
        x = self.embeddings(pixel_values)
        for layer in self.layers[: self.depth]:
            x = layer(x, attention_mask=None)[0] if isinstance(layer(x, attention_mask=None), tuple) else layer(x, attention_mask=None)
        return torch.cat([self.projector(x)[0], self.newline[None]])


def rotate(x):
    half = x.shape[-1] // 2
    return torch.cat([-x[..., half:], x[..., :half]], -1)


class Decoder(nn.Module):
    """Qwen2 with its cache as inputs and outputs; attention written out, since exporters cannot trace the library's own."""

    def __init__(self, model: LlavaOnevisionForConditionalGeneration):
        super().__init__()
        text, config = model.model.language_model, model.config.text_config
        self.layers, self.norm, self.head = text.layers, text.norm, model.lm_head
        self.heads, self.groups = config.num_attention_heads, config.num_key_value_heads
        self.width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        self.register_buffer("frequencies", text.rotary_emb.inv_freq.clone(), persistent=False)

    def attend(self, attention, x, cos, sin, mask, past):
        batch, length, _ = x.shape

        def split(values, heads):
            return values.view(batch, length, heads, self.width).transpose(1, 2)

        query, key, value = split(attention.q_proj(x), self.heads), split(attention.k_proj(x), self.groups), split(attention.v_proj(x), self.groups)
        query, key = query * cos + rotate(query) * sin, key * cos + rotate(key) * sin
        key, value = torch.cat([past[0], key], 2), torch.cat([past[1], value], 2)
        repeat = self.heads // self.groups
        scores = query @ key.repeat_interleave(repeat, 1).transpose(2, 3) * self.width ** -0.5 + mask
        mixed = torch.softmax(scores, -1) @ value.repeat_interleave(repeat, 1)
        return attention.o_proj(mixed.transpose(1, 2).reshape(batch, length, -1)), key, value

    def forward(self, inputs_embeds, attention_mask, position_ids, past):
        angles = position_ids[:, :, None].float() * self.frequencies
        angles = torch.cat([angles, angles], -1)[:, None]
        cos, sin = angles.cos(), angles.sin()
        length, total = inputs_embeds.shape[1], attention_mask.shape[1]
        rows = torch.arange(length)[:, None] + (total - length)
        seen = (torch.arange(total)[None] <= rows)[None, None] & (attention_mask[:, None, None] > 0)
        mask = torch.where(seen, 0.0, torch.finfo(torch.float32).min)
        x, present = inputs_embeds, []
        for i, layer in enumerate(self.layers):
            mixed, key, value = self.attend(layer.self_attn, layer.input_layernorm(x), cos, sin, mask, past[2 * i: 2 * i + 2])
            x = x + mixed
            x = x + layer.mlp(layer.post_attention_layernorm(x))
            present += [key, value]
        return self.head(self.norm(x)), *present


def cache_names(prefix: str, layers: int) -> list[str]:
    return [f"{prefix}.{i}.{part}" for i in range(layers) for part in ("key", "value")]


@torch.no_grad()
def reference(model, features: torch.Tensor, ids: torch.Tensor, tokens: int) -> tuple[torch.Tensor, torch.Tensor]:
    """transformers' own answer for one picture's features: the greedy ids and the logits of the last prompt token."""
    embeds = model.get_input_embeddings()(ids)
    embeds[ids == model.config.image_token_index] = features
    first = model.model.language_model(inputs_embeds=embeds).last_hidden_state[:, -1]
    end = model.generation_config.eos_token_id
    out = model.language_model.generate(inputs_embeds=embeds, max_new_tokens=tokens, do_sample=False) if hasattr(model.language_model, "generate") else greedy(model, embeds, tokens, end)
    return out[0], model.lm_head(first)[0]


def greedy(model, embeds: torch.Tensor, tokens: int, end) -> torch.Tensor:
    """Greedy decoding by transformers' language model without a cache."""
    ends, found = {end} if isinstance(end, int) else set(end or []), []
    while len(found) < tokens and not (found and found[-1] in ends):
        logits = model.lm_head(model.model.language_model(inputs_embeds=embeds, use_cache=False).last_hidden_state[:, -1])
        found.append(int(logits.argmax()))
        embeds = torch.cat([embeds, model.get_input_embeddings()(torch.tensor([[found[-1]]]))], 1)
    return torch.tensor([found])


@torch.no_grad()
def single_view(model, pixel_values: torch.Tensor) -> torch.Tensor:
    """transformers' features of one view and the newline: what it makes of each of several pictures."""
    size = pixel_values.shape[-1]
    pair = pixel_values[:, None].repeat(2, 1, 1, 1, 1)
    return model.model.get_image_features(pixel_values=pair, image_sizes=torch.tensor([[size, size]] * 2), batch_num_images=[2])[0]


def decoder_example(config, past: int, length: int) -> dict:
    layers, groups = config.num_hidden_layers, config.num_key_value_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    g = torch.Generator().manual_seed(2)
    return {
        "inputs_embeds": torch.randn(1, length, config.hidden_size, generator=g), "attention_mask": torch.ones(1, past + length, dtype=torch.int64),
        "position_ids": torch.arange(past, past + length)[None], "past": [torch.randn(1, groups, past, width, generator=g) for _ in range(2 * layers)]}


def feeds(example: dict) -> dict:
    past = example["past"]
    return {**{k: v for k, v in example.items() if k != "past"}, **dict(zip(cache_names("past_key_values", len(past) // 2), past))}


def quantise(path: Path) -> Path:
    """4-bit weights in blocks of 32 for every product of the decoder, as transformers.js names them."""
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    work = MatMulNBitsQuantizer(onnx.load(path), block_size=32, is_symmetric=True)
    work.process()
    out = path.with_name(f"{path.stem}_q4.onnx")
    work.model.save_model_to_file(str(out), False)
    for leftover in path.parent.glob(f"{path.name}*"):
        leftover.unlink()
    return out


@torch.no_grad()
def export_judge(model: LlavaOnevisionForConditionalGeneration, tokenizer, out: Path, judge: dict, policy: str, labels: list[str], dtype: str, tokens: int) -> None:
    graphs, config = out / "onnx", model.config.text_config
    size = model.config.vision_config.image_size
    pixels = torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(1))
    vision = Vision(model)
    export(vision, {"pixel_values": pixels}, graphs / "vision_encoder.onnx", ["image_features"], {})
    check("Picture", run(graphs / "vision_encoder.onnx", {"pixel_values": pixels})["image_features"], single_view(model, pixels))
    ids = torch.arange(6)[None]
    export(model.get_input_embeddings(), {"input": ids}, graphs / "embed_tokens.onnx", ["inputs_embeds"], {"input": [0, 1]}, ["input_ids"])
    check("Tokens", run(graphs / "embed_tokens.onnx", {"input_ids": ids})["inputs_embeds"], model.get_input_embeddings()(ids))
    decoder, layers, path = Decoder(model), config.num_hidden_layers, graphs / "decoder_model_merged.onnx"
    names = ["inputs_embeds", "attention_mask", "position_ids", *cache_names("past_key_values", layers)]
    free = {"inputs_embeds": [1], "attention_mask": [1], "position_ids": [1], "past": [[2]] * (2 * layers)}
    export(decoder, decoder_example(config, 3, 5), path, ["logits", *cache_names("present", layers)], free, names)
    start = decoder_example(config, 0, 7)
    wanted = model.lm_head(model.model.language_model(inputs_embeds=start["inputs_embeds"]).last_hidden_state)
    check("Words", run(path, feeds(start))["logits"], wanted)
    step = decoder_example(config, 7, 1)
    check("Next word", run(path, feeds(step))["logits"], decoder(**step)[0])
    if dtype == "q4":
        path = quantise(path)
        logits = run(path, feeds(start))["logits"]
        agreement = float(np.mean(logits.argmax(-1) == wanted.numpy().argmax(-1)))
        print(f"4-bit weights: {100 * agreement:.0f} % of next words agree with float32 on random input")

    tokenizer.save_pretrained(out)
    model.config.save_pretrained(out)
    model.generation_config.save_pretrained(out)
    settings = json.loads((out / "config.json").read_text("utf8"))
    parts = ("embed_tokens", "vision_encoder", path.stem)
    outside = {f"{part}.onnx": 1 for part in parts if (graphs / f"{part}.onnx_data").exists()}
    settings["transformers.js_config"] = {"use_external_data_format": outside or False}
    (out / "config.json").write_text(json.dumps(settings, indent=1, sort_keys=True) + "\n", "utf8")
    kept = {*TOKENIZER_FILES, "config.json", "generation_config.json"}
    for extra in out.iterdir():
        if extra.is_file() and extra.name not in kept:
            extra.unlink()
    write_judge(out, {
        **judge, "axis": "S", "kind": "vision-language", "preprocessing": {"mode": "siglip", "size": size}, "path": "",
        "files": [entry(out, one) for one in sorted([*(out / name for name in kept), *graphs.iterdir()])],
        "dtype": {"embed_tokens": "fp32", "vision_encoder": "fp32", "decoder_model_merged": dtype},
        "prompt": CHAT.format(policy=policy.strip()), "answer": "json", "labels": labels, "maxNewTokens": tokens, "threshold": 0.5,
        "note": "One view of the picture, without the high-resolution tiles of the Python pipeline."})


def categories(policy: str) -> list[str]:
    """Lines such as `O3: Sexual Content` or `**O3: Sexual Content**:` → `O3: Sexual Content`."""
    found = re.findall(r"^\W*([A-Z]+\d+):\s*([^\n:*]+)", policy, re.M)
    if not found:
        raise SystemExit("The policy names no category: each begins a line with its code, as `O3: …`.")
    return [f"{code}: {name.strip()}" for code, name in dict(found).items()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint")
    parser.add_argument("out", type=Path)
    parser.add_argument("--policy", type=Path, required=True)
    parser.add_argument("--dtype", choices=["fp32", "q4"], default="q4")
    parser.add_argument("--id", default="llavaguard-0.5b")
    parser.add_argument("--title", default="LlavaGuard 0.5B")
    parser.add_argument("--licence", default="see the model card")
    parser.add_argument("--tokens", type=int, default=200, help="longest answer, in tokens")
    args = parser.parse_args()
    policy = args.policy.read_text("utf8")
    model = LlavaOnevisionForConditionalGeneration.from_pretrained(args.checkpoint, dtype=torch.float32, attn_implementation="eager").eval()
    export_judge(model, AutoTokenizer.from_pretrained(args.checkpoint), args.out, {
        "id": args.id, "title": args.title, "licence": args.licence, "source": args.checkpoint,
    }, policy, categories(policy), args.dtype, args.tokens)


if __name__ == "__main__":
    main()
