"""Go on from the shipped weights: rebuild the recipe's cache from the committed pack.

`python -m export.restore` fills <cache>/tokenizer and <cache>/models with the networks of public/packs/pictogram
(float16 at rest, float32 here; exporting them again gives the same bytes). Stages then skip what is
restored; `make.py --from unet` would train the U-Net from nothing, `python -m train.unet --warm` goes on with it.
Whatever is in the cache already is kept. Not in the pack, hence fresh: heads and prototypes that only
training used, optimiser states, adapters before quantisation.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

from config import Config
from export.pack import PACKS
from judges import trained as judges
from storage import write_whole
from train import text, unet, vae

TRAINING_ONLY = ("concept.", "prototypes", "scale")
"""Weights a pack does not hold, because only training uses them."""


def weights_of(pack: Path, folder: str) -> dict[str, torch.Tensor]:
    """Tensors of one component in float32."""
    file = pack / folder / "model.safetensors"
    if not file.exists():
        raise SystemExit(f"The pack lacks {folder}/model.safetensors; check out public/packs/pictogram and start again.")
    return {name: value.float() for name, value in load_file(file).items()}


def fill(module: torch.nn.Module, weights: dict[str, torch.Tensor], what: str, absent: tuple[str, ...] = ()) -> torch.nn.Module:
    """Load `weights`; a missing or foreign weight is an error, unless its name starts with one of `absent`."""
    result = module.load_state_dict(weights, strict=False)
    missing = [n for n in result.missing_keys if module.state_dict()[n].is_floating_point() and not n.startswith(absent or ("\0",))]
    if missing or result.unexpected_keys:
        name = (missing or result.unexpected_keys)[0]
        raise SystemExit(f"The pack's {what} and the recipe differ in the weight {name}; use the recipe of the commit that made the pack.")
    return module.eval()


def restore_tokenizer(cfg: Config, pack: Path) -> None:
    """Copy tokenizer.json and tokenizer_config.json."""
    if not (cfg.tokenizer / "tokenizer_config.json").exists():
        shutil.copytree(pack / "tokenizer", cfg.tokenizer, dirs_exist_ok=True)


def restore_generator(cfg: Config, pack: Path, manifest: dict) -> None:
    """`models/text_encoder`, `models/vae`, `models/unet`."""
    if not (cfg.models / "text_encoder" / "config.json").exists():
        weights = weights_of(pack, "text_encoder")
        vocabulary = len(next(v for k, v in weights.items() if k.endswith("token_embedding.weight")))
        fill(text.build(vocabulary), weights, "text encoder").save_pretrained(cfg.models / "text_encoder")
    if not (cfg.models / "vae" / "config.json").exists():
        autoencoder = fill(vae.build(), weights_of(pack, "vae_encoder") | weights_of(pack, "vae_decoder"), "autoencoder")
        latent = manifest["model"]["latent"]
        autoencoder.register_to_config(shift_factor=latent["shiftFactor"], scaling_factor=latent["scalingFactor"])
        autoencoder.save_pretrained(cfg.models / "vae")
    if not (cfg.models / "unet" / "config.json").exists():
        unet.save(cfg, fill(unet.build(cfg.unet_channels), weights_of(pack, "unet"), "U-Net"))
        (cfg.models / "unet" / "finished").write_text("restored from the pack\n", "utf8")


def member(committee: dict[str, torch.Tensor], i: int) -> dict[str, torch.Tensor]:
    """Weights of the i-th network of a committee."""
    start = f"net.nets.{i}."
    return {k.removeprefix(start): v for k, v in committee.items() if k.startswith(start)}


def judge_weights(pack: Path) -> dict[str, dict[str, torch.Tensor]]:
    """State per network, as `judges.build` names its weights."""
    cnn = weights_of(pack, "judges/pictoguard-cnn")
    trunk = {k.removeprefix("judge.net.trunk."): v for k, v in cnn.items() if k.startswith("judge.net.trunk.")}
    words, committee = weights_of(pack, "judges/pictoclip"), weights_of(pack, "judges/pictoguard-vit")
    return {
        "pictoguard-cnn": {k.removeprefix("judge.net."): v for k, v in cnn.items() if k.startswith("judge.")},
        **{name: member(committee, i) for i, name in enumerate(judges.COMMITTEES["pictoguard-vit"])},
        "pictofeat": weights_of(pack, "judges/pictofeat"),
        "pictoclip": {f"image.trunk.{k}": v for k, v in trunk.items()} | {"image.project.weight": cnn["project.weight"]}
        | {f"text.{k}": v for k, v in words.items()},
    }


def restore_judges(cfg: Config, pack: Path) -> None:
    """Networks, reference features, and the report with thresholds and temperatures (out of measured.json)."""
    folder = cfg.models / "judges"
    for name, weights in judge_weights(pack).items():
        if not judges.path_of(cfg, name).exists():
            absent = TRAINING_ONLY if name in ("pictofeat", "pictoclip") else ()
            state = fill(judges.build(cfg, name), weights, name, absent).state_dict()
            write_whole(judges.path_of(cfg, name), lambda p, state=state: torch.save(state, p))
    if not judges.path_of(cfg, "reference").exists():
        features = load_file(pack / "judges" / "pictofeat" / "reference.safetensors")["features"].float()
        write_whole(judges.path_of(cfg, "reference"), lambda p: torch.save(features, p))
    if not (folder / "report.json").exists():
        measured = json.loads((pack / "measured.json").read_text("utf8"))
        keys = ("temperature", "threshold", "legibleThreshold")
        chosen = {name: {k: row[k] for k in keys} for name, row in measured["judges"].items()}
        report = {**measured["judgeReport"], "judges": chosen}
        write_whole(folder / "report.json", lambda p: p.write_text(json.dumps(report, indent=1) + "\n", "utf8"))


def main(cfg: Config) -> None:
    """Restore everything that is missing in the cache."""
    pack = PACKS / "pictogram"
    if not (pack / "manifest.json").exists():
        raise SystemExit("There is no pack in public/packs/pictogram to restore; run make.py to make one from nothing.")
    restore_tokenizer(cfg, pack)
    restore_generator(cfg, pack, json.loads((pack / "manifest.json").read_text("utf8")))
    restore_judges(cfg, pack)
    print(f"restored {pack.name} into {cfg.cache.name}", flush=True)


if __name__ == "__main__":
    main(Config.make(**({"cache": Config.make(smoke=True).cache} if "--smoke" in sys.argv else {})))
