"""Write the pack: graphs, float16 weights, judges, adapters, prompts, manifest with SHA-256.

`python -m export.stage [--smoke]` writes public/packs/pictogram (smoke: <cache>/pack). Bounds of Q and the
ceiling of P need the exported model, so the manifest is written twice: first with placeholders.
The pack is built inside the cache and takes the old one's place only when it is complete.
`--renew judges adapters` (either or both) takes the shipped pack and writes only these parts anew: the judges of
the cache in the place of the shipped ones, and the adapters of the cache beside, or in the place of, the shipped ones.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

from config import CONTEXT_LENGTH, IMAGE_SIZE, LATENT_CHANNELS, LATENT_SIZE, Config
from export import components, manifest as texts, training_graph
from export.adapters import write_adapters
from export.bounds import prompt_ceiling, quality_bounds
from export.pack import file_entry, pack_folder, size_of, write_manifest
from export.runtime import Pack
from export.suites import write_prompts
from export.write import write_component
from judges import trained as judges
from storage import record_time
from train import text, tokens, unet, vae
from train.sampling import GUIDANCE, STEPS
from world import prompts
from world.concepts import FAMILIES


PACK_BYTES = 40_000_000
"""Largest download of the whole pack."""
RESERVE_BYTES = 250_000
"""Kept free for the manifest and measured.json."""
ACCELERATOR_BYTES = 2_060_000
"""Kept free for the accelerator, which is made after the pack."""


def write_tokenizer(cfg: Config, root: Path) -> dict:
    """tokenizer.json and tokenizer_config.json, without white space."""
    (root / "tokenizer").mkdir(parents=True)
    names = ("tokenizer.json", "tokenizer_config.json")
    for name in names:
        content = json.loads((cfg.tokenizer / name).read_text("utf8"))
        (root / "tokenizer" / name).write_text(json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n", "utf8")
    return {"path": "tokenizer", "files": [file_entry(root, root / "tokenizer" / n) for n in names],
            "maxLength": CONTEXT_LENGTH, "padTokenId": tokens.load(cfg).pad_token_id}


def write_model(cfg: Config, root: Path) -> dict:
    """The generator."""
    autoencoder = vae.load(cfg)
    return {
        "tokenizer": write_tokenizer(cfg, root),
        "textEncoder": write_component(root, "text_encoder", components.text_encoder(text.load(cfg))),
        "unet": write_component(root, "unet", components.unet(unet.load(cfg))),
        "vaeDecoder": write_component(root, "vae_decoder", components.vae_decoder(autoencoder)),
        "vaeEncoder": write_component(root, "vae_encoder", components.vae_encoder(autoencoder)),
        "latent": {"channels": LATENT_CHANNELS, "height": LATENT_SIZE, "width": LATENT_SIZE,
                   "scalingFactor": autoencoder.config.scaling_factor, "shiftFactor": autoencoder.config.shift_factor},
        "image": {"height": IMAGE_SIZE, "width": IMAGE_SIZE},
        "scheduler": {"type": "FlowMatchEulerDiscreteScheduler", "predictionType": "flow", "numTrainTimesteps": 1000,
                      "shift": 1.0, "timestepSpacing": "trailing", "numInferenceSteps": STEPS, "guidanceScale": GUIDANCE},
    }


def write_judges(cfg: Config, root: Path) -> list[dict]:
    """The four judges; ceiling and bounds are filled in later."""
    report, rows, pair = json.loads((cfg.models / "judges" / "report.json").read_text("utf8")), [], judges.load(cfg, "pictoclip")
    parts = {}
    for name, chosen in report["judges"].items():
        net = judges.load_safety(cfg, name, chosen["temperature"])
        shared = name == "pictoguard-cnn"
        case = components.shared_trunk(net, pair.image) if shared else components.safety_judge(net)
        parts[name] = write_component(root, f"judges/{name}", case)
        rows.append({
            **texts.judge_head(name, texts.SAFETY_TITLES[name], "S", "safety-multilabel"), "model": parts[name], "labels": list(FAMILIES),
            "threshold": chosen["threshold"], "legibility": {"output": "legible", "threshold": chosen["legibleThreshold"]}})
    rows.append({
        **texts.judge_head("pictoclip", "Pictoclip: picture and prompt towers in five languages", "P", "clip"),
        "image": parts["pictoguard-cnn"],
        "text": write_component(root, "judges/pictoclip", components.clip_text(pair.text)),
        "ceiling": {"value": 1.0, "n": 1, "how": "not measured yet"}})
    features = torch.load(judges.path_of(cfg, "reference"), weights_only=True).half().numpy()
    reference = root / "judges" / "pictofeat" / "reference.safetensors"
    feature_net = write_component(root, "judges/pictofeat", components.feature_net(judges.load(cfg, "pictofeat")))
    full = features.astype(np.float32)
    save_file({"features": features, "mean": full.mean(0), "covariance": np.cov(full.T).astype(np.float32)}, reference)
    rows.append({
        **texts.judge_head("pictofeat", "Pictofeat: features of a concept classifier", "Q", "features"), "model": feature_net,
        "dimension": features.shape[1], "reference": file_entry(root, reference), "bounds": []})
    return rows


def put_in_place(root: Path, target: Path) -> None:
    """Move the finished pack to `target`; a target that is locked stays as it is, and so does the new pack."""
    for path in root.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    old = root.with_name("pack.old")
    shutil.rmtree(old, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        if target.exists():
            target.rename(old)
        root.rename(target)
    except OSError as error:
        raise SystemExit(f"The pack in {target.name} could not be replaced ({error.strerror}); the new one is in {root.parent.name}/{root.name}.") from error
    shutil.rmtree(old, ignore_errors=True)


def room_in(root: Path) -> int:
    """Bytes that adapters may still take."""
    accelerator = 0 if (root / "accelerator.json").exists() else ACCELERATOR_BYTES
    return PACK_BYTES - RESERVE_BYTES - accelerator - size_of(root)


def write_yardsticks(cfg: Config, root: Path, manifest: dict) -> None:
    """Measure the ceiling of P and the bounds of Q with the pack itself, and write the manifest."""
    write_manifest(root, manifest)
    by_id, pack = {j["id"]: j for j in manifest["judges"]}, Pack(root)
    by_id["pictoclip"]["ceiling"] = prompt_ceiling(cfg, pack)
    by_id["pictofeat"]["bounds"] = quality_bounds(cfg, pack)
    write_manifest(root, manifest)


def renew(cfg: Config, parts: list[str]) -> Path:
    """The shipped pack with only `parts` ("judges", "adapters") written anew."""
    target, root = pack_folder(cfg), cfg.cache / "pack.building"
    torch.set_num_threads(1)
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(target, root)
    manifest = json.loads((root / "manifest.json").read_text("utf8"))
    manifest["version"] = texts.VERSION
    if "judges" in parts:
        shutil.rmtree(root / "judges")
        manifest["judges"] = write_judges(cfg, root)
    if "adapters" in parts:
        mine = {p.stem for p in cfg.adapters.glob("*.safetensors")}
        kept = [row for row in manifest["adapters"] if row["id"] not in mine]
        for row in manifest["adapters"]:
            if row["id"] in mine:
                (root / row["file"]["path"]).unlink()
        fresh = write_adapters(cfg, root, room_in(root), {row["id"] for row in kept})
        manifest["adapters"] = sorted([*kept, *fresh], key=lambda r: (r["role"], r["id"]))
    if "judges" in parts:
        write_yardsticks(cfg, root, manifest)
    else:
        write_manifest(root, manifest)
    put_in_place(root, target)
    print(f"pack: {size_of(target) / 1e6:.1f} MB", flush=True)
    return target


def main(cfg: Config) -> Path:
    """Build the pack, measure ceiling and bounds with it, put it in place."""
    begun, target = time.time(), pack_folder(cfg)
    torch.set_num_threads(1)
    root = cfg.cache / "pack.building"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    manifest = {
        "schema": 1, "id": "pictogram", "version": texts.VERSION, "title": texts.TITLE, "licence": texts.LICENCE,
        "attribution": texts.attribution(), "model": write_model(cfg, root), "judges": write_judges(cfg, root),
        "adapters": [], "prompts": write_prompts(root), "measured": None,
    }
    manifest["training"] = training_graph.write(cfg, root, manifest["model"]["unet"])
    manifest["adapters"] = write_adapters(cfg, root, room_in(root))
    write_yardsticks(cfg, root, manifest)
    put_in_place(root, target)
    record_time(cfg, "export", time.time() - begun)
    print(f"pack: {size_of(target) / 1e6:.1f} MB in {time.time() - begun:.0f} s", flush=True)
    return target


if __name__ == "__main__":
    config = Config.make(smoke="--smoke" in sys.argv)
    if "--renew" in sys.argv:
        chosen = [a for a in sys.argv[1:] if a in ("judges", "adapters")]
        if not chosen:
            raise SystemExit("Say what to renew: python -m export.stage --renew judges adapters (either or both).")
        renew(config, chosen)
    else:
        main(config)
