"""Aligned variants of the base model, each written as a delta `<cache>/adapters/<method>.safetensors`."""

from __future__ import annotations

import dataclasses
import sys
import time

import align_closed
import align_trained
import deltas
import unet as unet_stage
from config import Config
from training import prepare, record_time

UCE = align_closed.UceSettings()
RECE = align_closed.ReceSettings()
ESD_X = align_trained.EsdSettings()


def make_uce(cfg: Config, unet) -> dict:
    """Closed form: forbidden captions → empty prompt, benign captions preserved."""
    align_closed.apply_uce(unet, align_closed.moments(cfg, UCE), UCE)
    return dataclasses.asdict(UCE)


def make_rece(cfg: Config, unet) -> dict:
    """UCE, then the derived embeddings erased in fixed rounds."""
    align_closed.apply_rece(cfg, unet, align_closed.moments(cfg, RECE.uce), RECE)
    return dataclasses.asdict(RECE)


def make_esd_x(cfg: Config, unet) -> dict:
    """Negative guidance distilled into the cross-attention weights."""
    settings = dataclasses.replace(ESD_X, steps=cfg.align_steps)
    align_trained.train_esd(cfg, unet, unet_stage.load(cfg), settings)
    return dataclasses.asdict(settings)


METHODS = {"uce": make_uce, "esd-x": make_esd_x, "rece": make_rece}
"""Method id → function that edits a base U-Net in place and returns its settings."""


def make(cfg: Config, method: str) -> None:
    """Align the base model by one method and write what changed."""
    path = cfg.adapters / f"{method}.safetensors"
    if path.exists():
        return
    prepare(cfg, 40 + list(METHODS).index(method))
    begun, unet = time.time(), unet_stage.load(cfg)
    before = deltas.state_of(unet)
    settings = METHODS[method](cfg, unet)
    deltas.save_delta(path, before, unet.state_dict(), dict(method=method, settings=settings, relative_to="base"))
    print(f"{method}: {path.stat().st_size / 1e6:.2f} MB, {time.time() - begun:.0f} s", flush=True)
    record_time(cfg, f"align {method}", time.time() - begun)


def main(cfg: Config) -> None:
    """Make every aligned variant that is missing."""
    for method in METHODS:
        make(cfg, method)


if __name__ == "__main__":
    main(Config.make(smoke="--smoke" in sys.argv))
