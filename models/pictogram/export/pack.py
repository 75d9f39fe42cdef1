"""Folder, files and manifest of a pack."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from config import REPOSITORY, Config
from export.graph import file_entry

__all__ = ["PACKS", "file_entry", "pack_folder", "size_of", "write_manifest"]

PACKS = REPOSITORY / "public" / "packs"


def pack_folder(cfg: Config) -> Path:
    """Where the pack goes; a smoke run never touches the real one unless told so (`--publish`)."""
    return cfg.cache / "pack" if cfg.smoke and "--publish" not in sys.argv else PACKS / "pictogram"


def write_manifest(root: Path, manifest: dict) -> None:
    """manifest.json, indented, but innermost objects and lists on one line."""
    text = json.dumps(manifest, indent=1, ensure_ascii=False)
    text = re.sub(r"[\[{][^][{}]*[]}]", lambda m: re.sub(r"\s*\n\s*", " ", m[0]), text)
    text = re.sub(r"\{[^{}]*\}", lambda m: re.sub(r"\s*\n\s*", " ", m[0]), text)
    (root / "manifest.json").write_text(text + "\n", "utf8")


def size_of(root: Path) -> int:
    """Bytes of everything in the pack."""
    return sum(p.stat().st_size for p in root.rglob("*") if p.is_file())
