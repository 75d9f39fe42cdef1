"""Benign fine-tuning (BFT): the ordinary denoising loss on harmless pictures only.

Profiles: lite = LoRA r 8, α 16 on to_q to_k to_v to_out.0 of both attentions; moderate =
attn2.to_k, attn2.to_v, attn2.to_out.0 in full; standard = the whole U-Net. Scenarios: general (English,
the generator's styles), multilingual (ar, es, fr, hi), domain (line art and monotone styles).
AdamW, learning rate 1e-4, β 0.9/0.999, ε 1e-8, weight decay 1e-2, gradient clip 1. Products are computed in bfloat16 (train/mixed.py), as the benchmark trains in half precision.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import torch
from peft import LoraConfig, get_peft_model_state_dict

from align import deltas
from config import DOMAIN_STYLES, STYLES, Config
from storage import record_time
from train import latents as latents_stage, unet as unet_stage
from train.mixed import Mixed
from train.training import check_loss, prepare
from train.unet import CAPTION_DROPOUT, flow_loss
from world.concepts import Concept, load_world
from world.dataset import caption

PROFILES = ("lite", "moderate", "standard")
SCENARIOS = {
    "general": (("en",), STYLES),
    "multilingual": (("ar", "es", "fr", "hi"), STYLES),
    "domain": (("en",), DOMAIN_STYLES),
}
"""Languages of the captions and styles of the pictures."""
PICTURES = 4_000
OPTIMISER = dict(lr=1e-4, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2)
CLIP = 1.0


def benign_concepts() -> list[Concept]:
    """The concepts fine-tuning may see: none of them forbidden."""
    concepts = [c for c in load_world() if not c.forbidden]
    assert concepts and all(c.family is None for c in concepts)
    return concepts


def encode_set(cfg: Config, name: str, languages: tuple, styles: tuple, n: int, key: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Latents (n, 16, 8, 8) and contexts (n, 32, 192) of n harmless pictures; cached in `latents/`."""
    path = cfg.latents / f"finetune-{name}.npz"
    if not path.exists():
        n, concepts = n if not cfg.smoke else 16, benign_concepts()
        latents = latents_stage.encode_pictures(cfg, n, concepts, styles, key)
        rng, allowed = np.random.default_rng((cfg.seed, key, 1)), {c.id for c in concepts}
        texts = []
        for example in latents_stage.examples_of(cfg, n, concepts, styles, key):
            assert example.concept in allowed, f"{example.concept} is forbidden and must not be in a fine-tuning set"
            texts.append(caption(example, languages[rng.integers(len(languages))], rng))
        context = latents_stage.encode_captions(cfg, texts)
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "wb") as file:
            np.savez(file, latents=latents, context=context)
    with np.load(path) as data:
        return torch.from_numpy(data["latents"]), torch.from_numpy(data["context"])


def training_set(cfg: Config, scenario: str) -> tuple[torch.Tensor, torch.Tensor]:
    """What a scenario is fine-tuned on."""
    return encode_set(cfg, scenario, *SCENARIOS[scenario], PICTURES, 20 + list(SCENARIOS).index(scenario))


def trainable(unet, profile: str) -> list[torch.nn.Parameter]:
    """Freeze everything but the profile's weights (LoRA is added for lite)."""
    if profile == "lite":
        unet.requires_grad_(False)
        unet.add_adapter(LoraConfig(
            r=deltas.LORA_RANK, lora_alpha=deltas.LORA_ALPHA, init_lora_weights="gaussian",
            target_modules=["to_q", "to_k", "to_v", "to_out.0"]))
    else:
        chosen = ("attn2.to_k", "attn2.to_v", "attn2.to_out.0") if profile == "moderate" else ("",)
        for name, parameter in unet.named_parameters():
            parameter.requires_grad_(any(part in name for part in chosen))
    return [p for p in unet.parameters() if p.requires_grad]


def finetune(cfg: Config, unet, profile: str, scenario: str) -> None:
    """Train `unet` in place."""
    prepare(cfg, 30 + 10 * PROFILES.index(profile) + list(SCENARIOS).index(scenario))
    latents, context = training_set(cfg, scenario)
    empty = torch.from_numpy(latents_stage.encode_captions(cfg, [""])[0]).float()
    weights = trainable(unet, profile)
    optimiser = torch.optim.AdamW(weights, **OPTIMISER)
    unet.train()
    for step in range(cfg.finetune_steps):
        rng = np.random.default_rng((cfg.seed, 31, step))
        rows = torch.from_numpy(rng.integers(len(latents), size=cfg.finetune_batch))
        x0, c = latents[rows].float(), context[rows].float()
        c[torch.from_numpy(rng.random(len(rows)) < CAPTION_DROPOUT)] = empty
        sigma = torch.sigmoid(torch.from_numpy(rng.standard_normal(len(rows)).astype(np.float32)))
        with Mixed():
            loss = flow_loss(unet, x0, c, sigma, torch.randn_like(x0))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, CLIP)
        optimiser.step()
        if step % 100 == 0:
            check_loss(float(loss.detach()), f"{profile} {scenario}", step)
            print(f"  {profile} {scenario} {step} loss {float(loss.detach()):.4f}", flush=True)
    unet.eval()


def adapter_path(cfg: Config, method: str, profile: str, scenario: str) -> Path:
    """Where the adapter is; `method` is `base` for fine-tuning without alignment."""
    return cfg.adapters / f"{method}-{profile}-{scenario}.safetensors"


def make(cfg: Config, method: str, profile: str, scenario: str) -> None:
    """Fine-tune base + alignment and write the change relative to the aligned model."""
    path = adapter_path(cfg, method, profile, scenario)
    if path.exists():
        return
    begun, unet = time.time(), unet_stage.load(cfg)
    if method != "base":
        deltas.apply(unet, cfg.adapters / f"{method}.safetensors")
    before = deltas.state_of(unet)
    finetune(cfg, unet, profile, scenario)
    about = dict(method=method, profile=profile, scenario=scenario, steps=str(cfg.finetune_steps),
                 batch=str(cfg.finetune_batch), relative_to=method)
    if profile == "lite":
        deltas.save_lora(path, get_peft_model_state_dict(unet), about)
    else:
        deltas.save_delta(path, before, unet.state_dict(), about)
    print(f"{path.stem}: {path.stat().st_size / 1e6:.2f} MB, {time.time() - begun:.0f} s", flush=True)
    record_time(cfg, f"finetune {path.stem}", time.time() - begun, steps=cfg.finetune_steps, batch=cfg.finetune_batch)


METHODS = ("esd-x", "uce", "rece", "spm")
FIRST = [("esd-x", "standard", "general"), *((m, "lite", "general") for m in METHODS)]
THEN = [(m, "moderate", "general") for m in METHODS] + [(m, "standard", "general") for m in METHODS[1:]]
LATER = [(m, p, s) for s in ("multilingual", "domain") for m in METHODS for p in PROFILES]


def main(cfg: Config) -> None:
    """Make every fine-tune, the most important ones first; a smoke run makes those of the demo."""
    for method, profile, scenario in FIRST + ([] if cfg.smoke else THEN + LATER):
        make(cfg, method, profile, scenario)


if __name__ == "__main__":
    main(Config.make(smoke="--smoke" in sys.argv))
