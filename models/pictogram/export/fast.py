"""The pack with its accelerator, as the page's fast sampler runs it: few evaluations without guidance, a small decoder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from export.runtime import Pack

ADAPTER = "accelerator"


class FastPack(Pack):
    """A pack whose accelerator.json is read; `file` puts another adapter in the place of the pack's."""

    def __init__(self, root: Path, threads: int = 1, file: Path | None = None):
        super().__init__(root, threads)
        self.row = json.loads((root / "accelerator.json").read_text("utf8"))
        self.manifest = {**self.manifest, "accelerator": self.row}
        self.adapters[ADAPTER] = {"id": ADAPTER, "on": None, "format": "lora", "file": {"path": str(file or self.row["file"]["path"])}}

    def denoise_fast(self, context: np.ndarray, x: np.ndarray, chain: tuple[str, ...], chunk: int = 64) -> np.ndarray:
        """Latents after the scheduler's Euler steps, one evaluation each; `chain` without the accelerator."""
        levels, times = self.sigmas(self.row["steps"])
        for now, then, time in zip(levels, levels[1:], times):
            parts = []
            for start in range(0, len(x), chunk):
                part, c = x[start:start + chunk], context[start:start + chunk]
                inputs = {"sample": part, "timestep": np.full(len(part), time, np.float32), "encoder_hidden_states": c}
                parts.append(part + np.float32(then - now) * self.run(("model", "unet"), inputs, (*chain, ADAPTER), chunk)[0])
            x = np.concatenate(parts)
        return x

    def decode_fast(self, latents: np.ndarray) -> np.ndarray:
        """Latents → RGB uint8 [n, height, width, 3], by the accelerator's decoder where it has one."""
        return self.decode(latents, ("accelerator", "decoder") if "decoder" in self.row else ("model", "vaeDecoder"))
