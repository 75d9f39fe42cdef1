"""One command from nothing to the pack: `python make.py` (or `--smoke`, about two minutes).

Every stage skips what exists, checkpoints while it trains, and resumes after an interruption:
run the same command again. `--from unet` deletes that stage's results and later ones first;
`--until unet` stops after it. The smoke run lives in `.cache-smoke` and touches nothing else.
"""

from __future__ import annotations

import argparse
import importlib
import os
import shutil
import sys
import time
from dataclasses import dataclass

from config import HERE, Config


@dataclass(frozen=True)
class Stage:
    """One module with a `main(cfg)`, and what it leaves behind (relative to the cache)."""

    name: str
    module: str
    leaves: tuple[str, ...] = ()
    about: str = ""


STAGES = (
    Stage("render", "world.render", ("drawings",), "draw the artwork with resvg"),
    Stage("tokens", "train.tokens", ("tokenizer",), "fit the tokenizer"),
    Stage("text", "train.text", ("models/text_encoder", "checkpoints/text.pt"), "train the text encoder"),
    Stage("vae", "train.vae", ("models/vae", "checkpoints/vae.pt"), "train the autoencoder"),
    Stage("latents", "train.latents", ("latents",), "encode compositions and captions"),
    Stage("unet", "train.unet", ("models/unet", "checkpoints/unet.pt"), "train the U-Net"),
    Stage("judges", "judges.stage", ("models/judges",), "train and calibrate the judges"),
    Stage("align", "align.stage", ("adapters",), "align the base model"),
    Stage("finetune", "align.finetune", (), "fine-tune the aligned models on harmless pictures"),
    Stage("export", "export.stage", ("pack",), "write the pack"),
    Stage("alignments", "export.alignments",
          (*(f"adapters/{name}.safetensors" for name in ("safe-clip", "safer-clip", "saferedir", "resalign", "promptsafe")), "checkpoints/resalign.pt"),
          "align by the methods that came after the manifest"),
    Stage("distil", "distil.stage", ("pairs", "checkpoints/fast-base.pt", "checkpoints/fast.pt"), "train the accelerator"),
    Stage("decoder", "distil.decoder", ("decoder", "checkpoints/fast-decoder.pt"), "train the fast sampler's decoder"),
    Stage("measure", "measure.stage", (), "measure the pack"),
    Stage("accelerator", "measure.accelerator", (), "measure the accelerator on every variant"),
    Stage("sheet", "measure.sheet", (), "paint the contact sheet"),
    Stage("golden", "measure.golden", (), "write golden data for the browser tests"),
)


def tune_allocator() -> None:
    """Start this process again with the allocator settings training needs (Linux, glibc only)."""
    if sys.platform != "linux" or "GLIBC_TUNABLES" in os.environ:
        return
    from train.training import MALLOC_TUNABLES

    os.environ["GLIBC_TUNABLES"] = MALLOC_TUNABLES
    os.execv(sys.executable, [sys.executable, *sys.argv])


def forget(cfg: Config, stage: Stage) -> None:
    """Delete what a stage left behind."""
    for name in stage.leaves:
        path = cfg.cache / name
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


def main() -> None:
    """Run the stages in order."""
    names = [s.name for s in STAGES]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--smoke", action="store_true", help="a tiny run in .cache-smoke")
    parser.add_argument("--from", dest="first", choices=names, help="make this stage and all later ones again")
    parser.add_argument("--until", choices=names, default=names[-1], help="stop after this stage")
    parser.add_argument("--cache", help="another cache folder inside models/pictogram (smoke only)")
    parser.add_argument("--fresh", action="store_true", help="delete the whole cache first (smoke only)")
    options = parser.parse_args()
    if not (HERE / "node_modules").exists():
        raise SystemExit("The artwork packages are missing; run `npm ci` in models/pictogram and start again.")
    tune_allocator()
    if options.cache and not options.smoke:
        raise SystemExit("--cache goes with --smoke only; leave it out to use the real cache.")
    cfg = Config.make(smoke=options.smoke, **({"cache": HERE / options.cache} if options.cache else {}))
    if options.fresh and options.smoke:
        shutil.rmtree(cfg.cache, ignore_errors=True)
    if options.first:
        for stage in STAGES[names.index(options.first):]:
            forget(cfg, stage)
    cfg.cache.mkdir(parents=True, exist_ok=True)
    for stage in STAGES[: names.index(options.until) + 1]:
        begun = time.time()
        print(f"── {stage.name}: {stage.about}", flush=True)
        try:
            importlib.import_module(stage.module).main(cfg)
        except KeyboardInterrupt:
            raise SystemExit(f"Interrupted in the stage {stage.name}; run the same command again to resume.") from None
        print(f"── {stage.name}: {time.time() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    main()
