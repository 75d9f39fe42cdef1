"""Aligned variants of the base model, each written as `<cache>/adapters/<method>.safetensors`.

`python -m align.stage` makes the shipped ones; `python -m align.stage esd-u salun` makes others by name.
"""

from __future__ import annotations

import sys
import time
from dataclasses import asdict, replace

from align import closed, deltas, promptsafe, resalign, safe_text, saferedir, salun, trained
from config import Config
from storage import record_time
from train import unet as unet_stage
from train.training import prepare

UCE = closed.UceSettings()
RECE = closed.ReceSettings()
ESD_X = trained.EsdSettings(negative_guidance=2.5)
"""Extension: an anchor on benign prompts. Without it (as in the paper) this small model forgot
the benign concepts as well: top-1 fell from 0.80 to 0.07 in 200 steps."""
ESD_U = trained.EsdSettings(part="other", learning_rate=1e-4)
SPM = trained.EsdSettings(part="lora_", learning_rate=2e-3, negative_guidance=1.0, neutral="nearest benign concept")
SALUN = salun.SalunSettings()
RESALIGN = resalign.ResAlignSettings()
SAFE_TEXT = {"safe-clip": safe_text.SafeTextSettings("fixed"), "safer-clip": safe_text.SafeTextSettings("nearest")}


def make_uce(cfg: Config, unet) -> dict:
    """Closed form: forbidden captions → guide, benign captions preserved."""
    closed.apply_uce(unet, closed.moments(cfg, UCE), UCE)
    return asdict(UCE)


def make_rece(cfg: Config, unet) -> dict:
    """UCE, then the derived embeddings erased in fixed rounds."""
    closed.apply_rece(cfg, unet, closed.moments(cfg, RECE.uce), RECE)
    return asdict(RECE)


def make_esd(name: str, base: trained.EsdSettings):
    """ESD with the given settings."""
    def make(cfg: Config, unet) -> dict:
        settings = replace(base, steps=cfg.align_steps)
        trained.train_esd(cfg, unet, unet_stage.load(cfg), settings, name)
        return asdict(settings)
    return make


def make_salun(cfg: Config, unet) -> dict:
    """Saliency mask and relabelling."""
    settings = replace(SALUN, steps=cfg.align_steps)
    salun.train_salun(cfg, unet, settings)
    return asdict(settings)


METHODS = {"uce": make_uce, "esd-x": make_esd("esd-x", ESD_X), "rece": make_rece, "esd-u": make_esd("esd-u", ESD_U), "salun": make_salun, "spm": None,
           "safe-clip": None, "safer-clip": None, "saferedir": None, "resalign": None,
           "promptsafe": None}
"""Method id → function that edits a base U-Net in place and returns its settings (the others write their file themselves)."""
SHIPPED = ("uce", "rece", "esd-x", "spm")


def make(cfg: Config, method: str) -> None:
    """Align the base model by one method and write what changed."""
    path = cfg.adapters / f"{method}.safetensors"
    if path.exists():
        return
    prepare(cfg, 40 + list(METHODS).index(method))
    begun, unet = time.time(), unet_stage.load(cfg)
    if method in SAFE_TEXT:
        settings = replace(SAFE_TEXT[method], steps=cfg.align_steps)
        about = dict(method=method, settings=asdict(settings), relative_to="base")
        deltas.save_lora(path, safe_text.train(cfg, settings), about, settings.rank, settings.rank, "text_encoder")
    elif method == "saferedir":
        settings = saferedir.RedirSettings(steps=2 * cfg.align_steps)
        saferedir.save(path, saferedir.train(cfg, settings), settings)
    elif method == "resalign":
        settings = replace(RESALIGN, **(dict(steps=cfg.align_steps, restart=1) if cfg.smoke else {}))
        about = dict(method=method, settings=asdict(settings), relative_to="base")
        deltas.save_lora(path, resalign.train(cfg, unet, settings), about, settings.rank, settings.rank)
    elif method == "promptsafe":
        settings = promptsafe.PromptSafeSettings()
        settings = replace(settings, steps=min(settings.steps, cfg.align_steps))
        promptsafe.save(path, promptsafe.train_token(cfg, settings), promptsafe.train_gate(cfg, settings), settings)
    elif method == "spm":
        settings = replace(SPM, steps=cfg.align_steps)
        state = trained.train_spm(cfg, unet, unet_stage.load(cfg), settings)
        deltas.save_lora(path, state, dict(method=method, settings=asdict(settings), relative_to="base"), rank=1, alpha=1)
    else:
        before = deltas.state_of(unet)
        settings = METHODS[method](cfg, unet)
        deltas.save_delta(path, before, unet.state_dict(), dict(method=method, settings=settings, relative_to="base"))
    print(f"{method}: {path.stat().st_size / 1e6:.2f} MB, {time.time() - begun:.0f} s", flush=True)
    record_time(cfg, f"align {method}", time.time() - begun)


def main(cfg: Config, methods: tuple[str, ...] = SHIPPED) -> None:
    """Make every aligned variant that is missing."""
    for method in methods:
        make(cfg, method)


if __name__ == "__main__":
    named = tuple(a for a in sys.argv[1:] if a in METHODS)
    main(Config.make(smoke="--smoke" in sys.argv), named or SHIPPED)
