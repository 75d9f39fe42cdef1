"""Drawings that only the judges see: more drawings of the world's concepts, and concepts outside it.

A judge that met a thousand things in eight styles knows better what stays the same from one
style to the next than one that met two hundred; classes outside the world are dropped after
training. Nothing here is drawn in the held-out style.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import numpy as np
from PIL import Image

from config import DOMAIN_STYLES, HERE, JUDGE_STYLES, STYLES, Config
from world.concepts import Concept, load_world
from world.dataset import DRAWING_SIZE, Artwork

CAPTIONED_STYLES = (*STYLES, *DOMAIN_STYLES, *JUDGE_STYLES)
"""Every style of the world but the held-out one: these have names in captions."""

EXTRA_FILE = HERE / "judges" / "artwork.json"
"""More drawings of the world's concepts ([{ concept, style, package, icon }]); a package with several
drawings of one concept is several styles."""
EXTRA = json.loads(EXTRA_FILE.read_text("utf8"))
EXTRA_STYLES = tuple(sorted({row["style"] for row in EXTRA}))

WIDE_STYLES = 6
"""A concept outside the world needs this many of CAPTIONED_STYLES."""
SMOKE_CONCEPTS = 8
VARIANT = re.compile(r"skin-tone|^flag-|-(light|dark|medium)$|keycap|^(man|woman|person|men|women)-|button$")
"""Names of near-copies and of signs that are letters only."""


def wide_rows(cfg: Config) -> list[dict]:
    """[{ concept, style, icon }] of every concept outside the world that is drawn widely enough; a few in a smoke run."""
    names = {}
    for style in CAPTIONED_STYLES:
        file = HERE / "node_modules" / "@iconify-json" / style / "icons.json"
        if not file.exists():
            raise SystemExit(f"Artwork package @iconify-json/{style} is missing; run `npm ci` in models/pictogram and start again.")
        names[style] = set(json.loads(file.read_text("utf8"))["icons"])
    known = {icon for concept in load_world() for icon in (concept.id, *concept.drawings.values())}
    every = sorted(set.union(*names.values()) - known)
    drawn = {n: [s for s in CAPTIONED_STYLES if n in names[s]] for n in every if not VARIANT.search(n)}
    chosen = [n for n, styles in drawn.items() if len(styles) >= WIDE_STYLES][:SMOKE_CONCEPTS if cfg.smoke else None]
    return [{"concept": n, "style": s, "icon": n} for n in chosen for s in drawn[n]]


def wide_concepts(cfg: Config) -> list[Concept]:
    """The concepts outside the world, benign by definition, in a fixed order."""
    drawings: dict[str, dict[str, str]] = {}
    for row in wide_rows(cfg):
        drawings.setdefault(row["concept"], {})[row["style"]] = row["icon"]
    return [Concept(name, "", "", "wide", None, {}, {}, styles) for name, styles in drawings.items()]


class JudgeArtwork(Artwork):
    """The drawings of the world, and the judges' own; rendered when first needed."""

    def __init__(self, cfg: Config):
        super().__init__(cfg)
        self.pictures |= _rendered(cfg, "judge-drawings", EXTRA) | _rendered(cfg, "wide-drawings", wide_rows(cfg))


def _rendered(cfg: Config, name: str, rows: list[dict]) -> dict[tuple[str, str], Image.Image]:
    folder = cfg.cache / name
    if not (folder / "index.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        listed: Path = folder / "wanted.json"
        listed.write_text(json.dumps(rows), "utf8")
        if subprocess.run(["node", HERE / "world" / "artwork" / "render.mjs", cfg.cache, listed, name], check=False).returncode:
            raise SystemExit("Rendering the judges' artwork failed (see the line above); fix that and start again.")
    kept = json.loads((folder / "index.json").read_text("utf8"))
    raw = np.memmap(folder / "rgba.bin", np.uint8, "r").reshape(len(kept), DRAWING_SIZE, DRAWING_SIZE, 4)
    return {(r["concept"], r["style"]): Image.fromarray(raw[i]) for i, r in enumerate(kept)}
