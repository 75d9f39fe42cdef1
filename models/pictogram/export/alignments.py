"""Alignments that came after the manifest: `python -m export.alignments` makes those that are missing and writes them beside it.

Links and stored runs name the manifest by its hash, so later alignments stand in `alignments.json`; the files are in `adapters/` as all
others, and the page loads one when a run takes it.
"""

from __future__ import annotations

import json
import sys

from align import stage
from config import Config
from export.adapters import LATER, write_adapter
from export.pack import pack_folder


def main(cfg: Config) -> None:
    """Train what is missing, then write every file and the description of all."""
    stage.main(cfg, LATER)
    root = pack_folder(cfg)
    rows = [write_adapter(cfg.adapters / f"{name}.safetensors", root) for name in LATER]
    (root / "alignments.json").write_text(json.dumps({"schema": 1, "adapters": rows}, indent=1, sort_keys=True) + "\n", "utf8")


if __name__ == "__main__":
    main(Config.make(smoke="--smoke" in sys.argv, **({"threads": 1} if "--one-thread" in sys.argv else {})))
