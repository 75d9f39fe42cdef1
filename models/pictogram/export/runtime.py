"""The pack as a reader sees it: float16 files → float32 weights + adapters → onnxruntime sessions.

This is the native twin of the browser's engine and shares nothing with the training code:
what it measures is what is shipped. Scheduler: diffusers' FlowMatchEulerDiscreteScheduler.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from safetensors import safe_open
from safetensors.numpy import load_file
from transformers import PreTrainedTokenizerFast

from export.graph import lay_out
from export.write import session


def apply_adapter(weights: dict[str, np.ndarray], file: Path, form: str) -> None:
    """Add one adapter to float32 weights in place; a tensor that matches no weight is an error."""
    tensors = load_file(file)
    with safe_open(file, "np") as opened:
        metadata = opened.metadata() or {}
    for key, value in tensors.items():
        if form == "lora":
            if key.endswith(".lora_B.weight"):
                continue
            name = key.removeprefix("unet.").removesuffix(".lora_A.weight") + ".weight"
            if name not in weights:
                raise SystemExit(f"Adapter {file.name}: the tensor {key} belongs to no weight of the U-Net.")
            up = tensors[key.replace(".lora_A.", ".lora_B.")].astype(np.float32)
            alpha = float(metadata.get("lora_alpha", len(value)))
            product = up.reshape(len(up), -1) @ value.astype(np.float32).reshape(len(value), -1)
            weights[name] += ((alpha / len(value)) * product).reshape(weights[name].shape)
        elif not key.endswith(".scale"):
            name = key.removeprefix("unet.")
            if name not in weights:
                raise SystemExit(f"Adapter {file.name}: the tensor {key} belongs to no weight of the U-Net.")
            change = value.astype(np.float32)
            if value.dtype == np.int8:
                change *= tensors[f"{key}.scale"].reshape(-1, *[1] * (value.ndim - 1))
            weights[name] += change.reshape(weights[name].shape)


class Pack:
    """Sessions and pipelines of one pack folder."""

    def __init__(self, root: Path, threads: int = 1):
        self.root, self.threads = root, threads
        if not (root / "manifest.json").exists():
            raise SystemExit(f"There is no manifest.json in {root.name}; run `python -m export.stage` first.")
        self.manifest = json.loads((root / "manifest.json").read_text("utf8"))
        self.model = self.manifest["model"]
        self.tokenizer = PreTrainedTokenizerFast.from_pretrained(root / self.model["tokenizer"]["path"])
        self.judges = {j["id"]: j for j in self.manifest["judges"]}
        self.adapters = {a["id"]: a for a in self.manifest["adapters"]}
        self.cached = lru_cache(maxsize=None)(self._open)

    def _open(self, place: tuple[str, ...], adapters: tuple[str, ...] = ()):
        component = self.manifest
        for key in place:
            component = component[key] if isinstance(component, dict) else next(c for c in component if c["id"] == key)
        weights = {k: v.astype(np.float32) for k, v in load_file(self.root / component["weights"]["path"]).items()}
        for name in adapters:
            adapter = self.adapters[name]
            apply_adapter(weights, self.root / adapter["file"]["path"], adapter["format"])
        external = component["externalData"]
        graph = (self.root / component["graph"]["path"]).read_bytes()
        return session(graph, lay_out(weights, external["tensors"], external["bytes"]), self.threads)

    def run(self, place: tuple[str, ...], inputs: dict[str, np.ndarray], adapters: tuple[str, ...] = (), chunk: int = 128) -> list[np.ndarray]:
        """Run one component on a batch of any size, in chunks."""
        opened, n = self.cached(place, adapters), len(next(iter(inputs.values())))
        parts = [opened.run(None, {k: v[i:i + chunk] for k, v in inputs.items()}) for i in range(0, n, chunk)]
        return [np.concatenate(p) for p in zip(*parts)]

    def chain(self, adapter: str | None) -> tuple[str, ...]:
        """Ids to apply for one adapter: a fine-tune comes on top of the alignment it was trained on."""
        if adapter is None:
            return ()
        below = self.adapters[adapter]["on"]
        return (*([below] if below else []), adapter)

    def tokens(self, texts: list[str]) -> np.ndarray:
        """int64 ids [n, maxLength], padded, truncated."""
        length = self.model["tokenizer"]["maxLength"]
        return self.tokenizer(texts, padding="max_length", truncation=True, max_length=length, return_tensors="np").input_ids.astype(np.int64)

    def encode(self, texts: list[str]) -> np.ndarray:
        """last_hidden_state [n, 32, width]."""
        return self.run(("model", "textEncoder"), {"input_ids": self.tokens(texts)})[0]

    def sigmas(self, steps: int) -> tuple[list[float], list[float]]:
        """Noise levels (steps + 1, the last 0) and timesteps (steps) as diffusers sets them.

        `trailing` spaces σ = 1, 1 − 1/n … 1/n evenly, as diffusers' Flux pipeline passes it.
        """
        row = self.model["scheduler"]
        scheduler = FlowMatchEulerDiscreteScheduler(num_train_timesteps=row["numTrainTimesteps"], shift=row["shift"])
        even = row.get("timestepSpacing") == "trailing"
        scheduler.set_timesteps(sigmas=list(np.linspace(1, 1 / steps, steps))) if even else scheduler.set_timesteps(steps)
        return scheduler.sigmas.tolist(), scheduler.timesteps.tolist()

    def noise(self, seeds: list[int]) -> np.ndarray:
        """torch.randn per seed, [n, channels, height, width]."""
        latent = self.model["latent"]
        shape = (latent["channels"], latent["height"], latent["width"])
        return np.stack([torch.randn(shape, generator=torch.Generator().manual_seed(s)).numpy() for s in seeds])

    def denoise(self, context: np.ndarray, x: np.ndarray, adapters: tuple[str, ...] = (), steps: int | None = None, chunk: int = 32) -> list[np.ndarray]:
        """Latents after every step, each [n, channels, height, width]; classifier-free guidance, batch [free, bound]."""
        row = self.model["scheduler"]
        levels, times = self.sigmas(steps or row["numInferenceSteps"])
        empty, guidance, trace = self.encode([""]), np.float32(row["guidanceScale"]), []
        for now, then, time in zip(levels, levels[1:], times):
            moved = []
            for start in range(0, len(x), chunk):
                part, c = x[start:start + chunk], context[start:start + chunk]
                inputs = {"sample": np.concatenate([part, part]), "timestep": np.full(2 * len(part), time, np.float32),
                          "encoder_hidden_states": np.concatenate([np.repeat(empty, len(part), 0), c])}
                free, bound = np.split(self.run(("model", "unet"), inputs, adapters, 2 * chunk)[0], 2)
                moved.append(part + np.float32(then - now) * (free + guidance * (bound - free)))
            x = np.concatenate(moved)
            trace.append(x)
        return trace

    def scaled(self, latents: np.ndarray) -> np.ndarray:
        """Latents as a decoder takes them."""
        latent = self.model["latent"]
        return (latents / np.float32(latent["scalingFactor"]) + np.float32(latent["shiftFactor"])).astype(np.float32)

    def decode(self, latents: np.ndarray, place: tuple[str, ...] = ("model", "vaeDecoder")) -> np.ndarray:
        """Latents → RGB uint8 [n, height, width, 3]."""
        sample = self.run(place, {"latent_sample": self.scaled(latents)}, chunk=32)[0]
        return np.round((sample.clip(-1, 1) + 1) * np.float32(127.5)).astype(np.uint8).transpose(0, 2, 3, 1)

    def paint(self, texts: list[str], seeds: list[int], adapter: str | None = None, steps: int | None = None) -> np.ndarray:
        """Prompts → pictures, uint8 [n, height, width, 3]."""
        return self.decode(self.denoise(self.encode(texts), self.noise(seeds), self.chain(adapter), steps)[-1])

    def pixels(self, judge: str, images: np.ndarray) -> np.ndarray:
        """RGB uint8 → the judge's pixel_values."""
        how = self.judges[judge]["preprocessing"]
        mean, std = np.float32(how["mean"]), np.float32(how["std"])
        return ((images.astype(np.float32) / np.float32(255) - mean) / std).transpose(0, 3, 1, 2).copy()

    def judge(self, judge: str, images: np.ndarray) -> dict[str, np.ndarray]:
        """Raw outputs of a judge's image network by name."""
        port = "image" if self.judges[judge]["kind"] == "clip" else "model"
        outputs = self.run(("judges", judge, port), {"pixel_values": self.pixels(judge, images)})
        return {row["name"]: value for row, value in zip(self.judges[judge][port]["outputs"], outputs)}
