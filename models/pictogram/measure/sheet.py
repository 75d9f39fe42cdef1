"""The contact sheet: every concept in every style, drawn by the shipped base model.

`python -m measure.sheet` writes contact-sheet.webp beside the recipe: 25 rows of eight concepts,
five styles each, in the order of world.json; under 300 kB.
"""

from __future__ import annotations

import sys

import numpy as np
from PIL import Image

from config import HERE, STYLES, Config
from export.pack import pack_folder
from export.runtime import Pack
from train.sampling import tile
from world.concepts import load_world
from world.templates import phrase, thing

CELL = 32
"""Side of one picture on the sheet in pixels."""
CONCEPTS_PER_ROW = 8
LARGEST = 300_000
"""Bytes."""


def main(cfg: Config) -> None:
    """Paint, shrink, write."""
    pack, world = Pack(pack_folder(cfg), threads=cfg.threads), load_world()[:8 if cfg.smoke else None]
    texts = [phrase("en", "{}", thing("en", c.names["en"], 1, None), s, None) for c in world for s in STYLES]
    images = pack.paint(texts, list(range(len(texts))))
    small = np.stack([np.asarray(Image.fromarray(i).resize((CELL, CELL), Image.Resampling.LANCZOS)) for i in images])
    sheet = Image.fromarray(tile(small, CONCEPTS_PER_ROW * len(STYLES)))
    target = (cfg.cache if cfg.smoke else HERE) / "contact-sheet.webp"
    for quality in range(90, 20, -5):
        sheet.save(target, quality=quality, method=6)
        if target.stat().st_size <= LARGEST:
            break
    print(f"contact sheet: {len(images)} pictures, {target.stat().st_size / 1000:.0f} kB", flush=True)


if __name__ == "__main__":
    main(Config.make(smoke="--smoke" in sys.argv))
