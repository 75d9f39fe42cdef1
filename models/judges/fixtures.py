"""Miniatures of every judge with random seeded weights, made by the very scripts that export the real ones, and what
Python says of the same pictures. For tests/browser/judges.test.ts.

Run from the repository root: models/pictogram/.venv/bin/python models/judges/fixtures.py [NAME …]
Writes tests/golden/judges/NAME/ (manifest.json, graphs, …) and NAME.safetensors. The feature network is compared with
torch-fidelity's own where that package is installed. Tolerance in the browser: 1e-3.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    CLIPConfig, CLIPImageProcessor, CLIPModel, LlavaOnevisionConfig, LlavaOnevisionForConditionalGeneration, PreTrainedTokenizerFast, Qwen2Config,
    SiglipVisionConfig, ViTConfig, ViTForImageClassification, ViTImageProcessor)

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "tests" / "golden" / "metrics"))
import inception  # noqa: E402
import llavaguard  # noqa: E402
import networks  # noqa: E402
import nudenet  # noqa: E402
import q16  # noqa: E402
from files import export, run  # noqa: E402
from pictures import picture  # noqa: E402

ROOT = REPOSITORY / "tests" / "golden" / "judges"
SIZES = [(64, 64), (90, 60), (48, 120), (33, 32)]
TEXTS = ["a red kite", "two small keys", "an old map of the sea", "a kite over an old house by the sea, with many small boats"]
MINI = {"licence": "MIT", "source": "models/judges/fixtures.py"}


def pictures() -> list[np.ndarray]:
    return [picture(width, height, 41 + i) for i, (width, height) in enumerate(SIZES)]


def write(name: str, shown: list[np.ndarray], values: dict[str, torch.Tensor]) -> None:
    tensors = {f"picture.{i}": torch.from_numpy(one.copy()) for i, one in enumerate(shown)}
    save_file({**tensors, **{key: value.detach().contiguous() for key, value in values.items()}}, ROOT / f"{name}.safetensors")
    print({key: value.flatten()[:6].tolist() for key, value in values.items()})


def fresh(name: str) -> Path:
    shutil.rmtree(ROOT / name, ignore_errors=True)
    return ROOT / name


def words(texts: list[str], special: list[str], size: int) -> Tokenizer:
    """Byte-level pairs learnt from `texts`."""
    fast = Tokenizer(models.BPE())
    fast.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    fast.decoder = decoders.ByteLevel()
    fast.train_from_iterator(texts * 3, trainers.BpeTrainer(
        vocab_size=size, special_tokens=special, show_progress=False, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet())))
    return fast


def clip_tokenizer() -> PreTrainedTokenizerFast:
    fast = words(TEXTS, ["<|startoftext|>", "<|endoftext|>"], 340)
    fast.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    fast.post_processor = processors.TemplateProcessing(single="<|startoftext|> $A <|endoftext|>", special_tokens=[("<|startoftext|>", 0), ("<|endoftext|>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=fast, bos_token="<|startoftext|>", eos_token="<|endoftext|>", pad_token="<|endoftext|>", model_max_length=16,
        padding_side="right", truncation_side="right", clean_up_tokenization_spaces=False)


def clip_model(vocabulary: int) -> CLIPModel:
    torch.manual_seed(5)
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
    clip = CLIPModel(CLIPConfig(
        text_config={**sizes, "vocab_size": vocabulary, "max_position_embeddings": 16, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1},
        vision_config={**sizes, "image_size": 32, "patch_size": 8}, projection_dim=24)).eval()
    with torch.no_grad():
        for parameter in clip.parameters():
            parameter.mul_(3)  # else every picture gets nearly the same embedding
    return clip


def clip_pixels(shown: list[np.ndarray]) -> torch.Tensor:
    processor = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    return processor(images=[Image.fromarray(one) for one in shown], return_tensors="pt").pixel_values


@torch.no_grad()
def make_clip() -> None:
    tokenizer, shown = clip_tokenizer(), pictures()
    clip = clip_model(len(tokenizer))
    networks.export_clip(clip, tokenizer, fresh("clip"), {"id": "mini-clip", "title": "Miniature CLIP", **MINI, "ceiling": {"value": 0.3, "n": 4, "how": "none: random weights"}})
    ids = tokenizer(TEXTS, padding="max_length", truncation=True, max_length=16, return_tensors="pt").input_ids
    image, text = clip.get_image_features(pixel_values=clip_pixels(shown)), clip.get_text_features(input_ids=ids)
    write("clip", shown, {"cosine": torch.nn.functional.cosine_similarity(image, text), "input_ids": ids.int()})


@torch.no_grad()
def make_q16() -> None:
    shown = pictures()
    clip = clip_model(len(clip_tokenizer()))
    image = clip.get_image_features(pixel_values=clip_pixels(shown))
    # Vectors close to one another, as Q16's own are, so that the probabilities are not all 0 or 1.
    centre = torch.nn.functional.normalize(image, dim=1).mean(0)
    prompts = centre + 0.002 * torch.randn(2, 24, generator=torch.Generator().manual_seed(6))
    q16.export_q16(clip, prompts, fresh("q16"), {"id": "mini-q16", "title": "Miniature Q16", **MINI})
    unit = torch.nn.functional.normalize
    write("q16", shown, {"probability": (100 * unit(image, dim=1) @ unit(prompts, dim=1).T).softmax(1)[:, 1]})


@torch.no_grad()
def classifier_model() -> ViTForImageClassification:
    torch.manual_seed(7)
    model = ViTForImageClassification(ViTConfig(
        hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, image_size=32, patch_size=8,
        id2label={0: "normal", 1: "nsfw"}, label2id={"normal": 0, "nsfw": 1})).eval()
    for name, parameter in model.named_parameters():
        parameter.copy_(torch.randn_like(parameter) * 0.3 + (1.0 if "layernorm" in name and "weight" in name else 0.0))
    return model


def classifier_processor() -> ViTImageProcessor:
    return ViTImageProcessor(size={"height": 32, "width": 32})


@torch.no_grad()
def make_classifier() -> None:
    shown, model, processor = pictures(), classifier_model(), classifier_processor()
    preprocessing = {"mode": "vit", "size": 32, "mean": processor.image_mean, "std": processor.image_std, "filter": "bilinear"}
    networks.export_classifier(model, preprocessing, fresh("classifier"), {"id": "mini-classifier", "title": "Miniature classifier", **MINI, "threshold": 0.5}, ["nsfw"])
    pixels = processor(images=[Image.fromarray(one) for one in shown], return_tensors="pt").pixel_values
    write("classifier", shown, {"probabilities": model(pixel_values=pixels).logits.softmax(1)})


def clean_fid_pixels(one: np.ndarray) -> np.ndarray:
    planes = [np.asarray(Image.fromarray(one[..., c].astype(np.float32), mode="F").resize((299, 299), Image.Resampling.BICUBIC)) for c in range(3)]
    return (np.stack(planes).clip(0, 255) - 128) / 128


@torch.no_grad()
def inception_model() -> inception.Inception:
    torch.manual_seed(8)
    network = inception.Inception(divisor=22).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight)
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.8, 1.2)
    return network


@torch.no_grad()
def make_inception() -> None:
    shown, network = pictures(), inception_model()
    inception.export_inception(network, fresh("inception"), {"id": "mini-inception", "title": "Miniature Inception-2015", **MINI, "preprocessing": {"mode": "clean-fid"}})
    pixels = torch.from_numpy(np.stack([clean_fid_pixels(one) for one in shown]).astype(np.float32))
    write("inception", shown, {"features": network(pixels)})
    compare_inception()


def compare_inception() -> None:
    """The full-width network against torch-fidelity's, on the same random weights; says so where that is not installed."""
    try:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    except ImportError as error:
        print(f"Not compared with torch-fidelity: {error}")
        return
    torch.manual_seed(9)
    ours = inception.Inception().eval()
    for module in ours.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight)
    state = {**ours.state_dict(), "fc.weight": torch.zeros(1008, 2048), "fc.bias": torch.zeros(1008)}
    path = ROOT / "weights.pth"
    torch.save(state, path)
    theirs = FeatureExtractorInceptionV3("inception", ["2048"], feature_extractor_weights_path=str(path)).eval()
    path.unlink()
    image = torch.from_numpy(picture(299, 299, 3).copy()).permute(2, 0, 1)[None]
    want, got = theirs(image)[0], ours((image.float() - 128) / 128)
    print(f"Inception against torch-fidelity: largest difference {float((want - got).abs().max() / want.abs().max()):.1e}")
    assert torch.allclose(want, got, rtol=1e-4, atol=1e-4 * float(want.abs().max()))


class Detector(torch.nn.Module):
    """[n, 3, 320, 320] → [n, 22, 100]: centre, size and class scores as the head of YOLOv8 gives them."""

    def __init__(self):
        super().__init__()
        self.features, self.boxes, self.classes = torch.nn.Conv2d(3, 16, 32, 32), torch.nn.Conv2d(16, 4, 1), torch.nn.Conv2d(16, 18, 1)

    def forward(self, images):
        x = torch.relu(self.features(images))
        grid = torch.arange(10) * 32.0 + 16
        centre = torch.stack([grid.repeat(10), grid.repeat_interleave(10)])[None]
        size = 30 + 60 * torch.sigmoid(self.boxes(x).flatten(2))
        return torch.cat([(centre + size[:, :2] / 10), size[:, 2:], torch.sigmoid(self.classes(x).flatten(2))], 1)


def best_detections(output: np.ndarray, width: int, height: int) -> np.ndarray:
    """Best score of each class after NudeNet 3.4's candidates (0.2) and suppression over all classes (0.25, overlap 0.45)."""
    scores, classes = output[4:].max(0), output[4:].argmax(0)
    corner, size = output[:2] - output[2:4] / 2, output[2:4]
    edge = np.array([[width], [height]], np.float32)
    low, kept = np.clip(corner, 0, edge), []
    side = np.minimum(size, edge - low)
    for i in sorted(np.flatnonzero(scores > 0.25), key=lambda k: -scores[k]):
        def overlap(j):
            inner = np.minimum(low[:, i] + side[:, i], low[:, j] + side[:, j]) - np.maximum(low[:, i], low[:, j])
            shared = float(inner.clip(0).prod())
            union = float(side[:, i].prod() + side[:, j].prod()) - shared
            return shared / union if union > 0 else 1.0
        if all(overlap(j) <= 0.45 for j in kept):
            kept.append(i)
    best = np.zeros(18, np.float32)
    for i in kept:
        best[classes[i]] = max(best[classes[i]], scores[i])
    return best


@torch.no_grad()
def make_nudenet() -> None:
    torch.manual_seed(10)
    # Sizes that need no interpolation, whose reference is OpenCV; resizing is compared in tests/golden/metrics.
    shown = [picture(320, 120, 51), picture(100, 320, 52)]
    network, out = Detector().eval(), fresh("nudenet")
    network.classes.weight.mul_(6)
    network.classes.bias.sub_(2.5)
    export(network, {"images": torch.zeros(2, 3, 320, 320)}, out / "made.onnx", ["output0"], {"images": [0]})
    nudenet.describe(out / "made.onnx", out, {"id": "mini-nudenet", "title": "Miniature detector", **MINI, "threshold": 0.5}, nudenet.EXPOSED)
    (out / "made.onnx").unlink()
    blobs = []
    for one in shown:
        square = np.zeros((320, 320, 3), np.float32)
        square[: one.shape[0], : one.shape[1]] = one
        blobs.append((square[..., ::-1] / 255).transpose(2, 0, 1))
    raw = network(torch.from_numpy(np.stack(blobs).astype(np.float32))).numpy()
    write("nudenet", shown, {"scores": torch.from_numpy(np.stack([best_detections(one, like.shape[1], like.shape[0]) for one, like in zip(raw, shown)]))})


POLICY = "You see a picture. Answer in JSON with rating and category.\nO1: Hate\nO3: Red things\n"
ANSWERS = ['{"rating": "Safe", "category": "NA"}', '{"rating": "Unsafe", "category": "O3: Red things"}', "I cannot tell"]


def coloured(colour: tuple[int, int, int], width: int, height: int, seed: int) -> np.ndarray:
    """A picture of mostly one colour: half noise of the formula picture."""
    return (0.75 * np.asarray(colour) + 0.25 * picture(width, height, seed)).astype(np.uint8)


def vision_language_model(tokenizer) -> LlavaOnevisionForConditionalGeneration:
    torch.manual_seed(11)
    vision = SiglipVisionConfig(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, image_size=28, patch_size=14, vision_use_head=False)
    text = Qwen2Config(
        hidden_size=48, intermediate_size=64, num_hidden_layers=2, num_attention_heads=6, num_key_value_heads=2, vocab_size=len(tokenizer), tie_word_embeddings=True,
        max_position_embeddings=512, bos_token_id=None, eos_token_id=tokenizer.convert_tokens_to_ids("<|im_end|>"))
    config = LlavaOnevisionConfig(
        vision_config=vision, text_config=text, image_token_index=tokenizer.convert_tokens_to_ids("<image>"), vision_feature_layer=-1, vision_feature_select_strategy="full",
        image_grid_pinpoints=[[28, 28]], tie_word_embeddings=True, projector_hidden_act="gelu", attn_implementation="eager")
    model = LlavaOnevisionForConditionalGeneration(config)
    model.generation_config.eos_token_id, model.generation_config.pad_token_id = text.eos_token_id, text.eos_token_id
    return model.eval()


def one_view(shown: list[np.ndarray]) -> torch.Tensor:
    small = [np.asarray(Image.fromarray(one).resize((28, 28), Image.Resampling.BICUBIC), np.float32) for one in shown]
    return torch.from_numpy(np.stack(small)).permute(0, 3, 1, 2) / 255 * 2 - 1


def teach(model, tokenizer, ids: torch.Tensor, shown: list[np.ndarray], answers: list[str]) -> None:
    """Trains until the miniature answers by colour, so that its answers can be parsed, and one cannot."""
    vision, embed, place = llavaguard.Vision(model), model.get_input_embeddings(), model.config.image_token_index
    targets = [torch.tensor(tokenizer(answer + "<|im_end|>", add_special_tokens=False).input_ids) for answer in answers]
    optimiser = torch.optim.AdamW(model.parameters(), 5e-3)
    pixels = one_view(shown)
    for step in range(1000):
        loss = 0.0
        for one, target in zip(pixels, targets):
            embeds = embed(torch.cat([ids[0], target[:-1]]))[None].clone()
            embeds[0, torch.cat([ids[0], target[:-1]]) == place] = vision(one[None])
            logits = model.lm_head(model.model.language_model(inputs_embeds=embeds, use_cache=False).last_hidden_state)[0, -len(target):]
            loss = loss + torch.nn.functional.cross_entropy(logits, target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step % 20 == 0:
            print(f"step {step}: loss {float(loss.detach()):.4f}", flush=True)
        if float(loss.detach()) < 0.02:
            return
    raise SystemExit("The miniature did not learn its answers.")


def make_vision_language() -> None:
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>"]
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words([POLICY, *ANSWERS, "user assistant\n"], special, 360), eos_token="<|im_end|>", pad_token="<|endoftext|>",
        additional_special_tokens=special[1:], clean_up_tokenization_spaces=False)
    model = vision_language_model(tokenizer)
    rows = (28 // 14) ** 2 + 1
    prompt = llavaguard.CHAT.format(policy=POLICY.strip()).replace("<image>", "<image>" * rows)
    ids = tokenizer(prompt, add_special_tokens=False, return_tensors="pt").input_ids
    colours, answer = [(40, 90, 220), (220, 40, 30), (128, 128, 128)], []
    shown = [coloured(colours[i % 3], width, height, 60 + i) for i, (width, height) in enumerate([(64, 64), (60, 40), (40, 70), (32, 48), (50, 50)])]
    model.requires_grad_(True)
    teach(model, tokenizer, ids, shown, [ANSWERS[i % 3] for i in range(len(shown))])
    model.requires_grad_(False)
    out = fresh("vision-language")
    llavaguard.export_judge(model, tokenizer, out, {"id": "mini-guard", "title": "Miniature guard", **MINI}, POLICY, llavaguard.categories(POLICY), "fp32", 40)
    values = {"prompt_ids": ids.int()}
    for i, one in enumerate(one_view(shown)):
        found, logits = llavaguard.reference(model, llavaguard.single_view(model, one[None]), ids.clone(), 40)
        answer.append(tokenizer.decode(found, skip_special_tokens=True))
        values |= {f"ids.{i}": found.int(), f"logits.{i}": logits}
    print(answer)
    write("vision-language", shown, values)


MAKERS = {
    "clip": make_clip, "q16": make_q16, "classifier": make_classifier, "inception": make_inception, "nudenet": make_nudenet, "vision-language": make_vision_language}


def main() -> None:
    ROOT.mkdir(parents=True, exist_ok=True)
    for name in sys.argv[1:] or MAKERS:
        print(f"== {name}")
        MAKERS[name]()


if __name__ == "__main__":
    main()
