"""Alignments that came after the manifest: `python -m export.alignments` makes those that are missing and writes them beside it.

Links and stored runs name the manifest by its hash, so later alignments stand in `alignments.json`; the files are in `adapters/` as all
others, and the page loads one when a run takes it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from safetensors.torch import load_file

from align import stage
from config import Config
from export import components
from export.adapters import LATER, write_adapter
from export.pack import pack_folder
from export.write import verified
from train import text


def soft_graph(cfg: Config, file: Path) -> bytes:
    """The text encoder's graph with the inputs of a soft prompt; it reads the weights that the pack has."""
    case = components.soft_text_encoder(text.load(cfg), len(load_file(file)["soft"]))
    return verified(case, file.name)[0].model.SerializeToString(deterministic=True)


def main(cfg: Config) -> None:
    """Train what is missing, then write every file and the description of all."""
    stage.main(cfg, LATER)
    root = pack_folder(cfg)
    files = [cfg.adapters / f"{name}.safetensors" for name in LATER]
    rows = [write_adapter(file, root, soft_graph(cfg, file) if file.stem == "promptsafe" else None) for file in files]
    (root / "alignments.json").write_text(json.dumps({"schema": 1, "adapters": rows}, indent=1, sort_keys=True) + "\n", "utf8")


if __name__ == "__main__":
    main(Config.make(smoke="--smoke" in sys.argv, **({"threads": 1} if "--one-thread" in sys.argv else {})))
