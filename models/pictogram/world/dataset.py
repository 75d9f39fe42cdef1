"""Compositions: drawings placed on coloured backgrounds, and their captions.

Everything is drawn from a numpy Generator, so a seed fixes pictures and captions.
The mix is tilted to easy pictures: about 70 % show one large or medium drawing.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image

from config import IMAGE_SIZE, LANGUAGE_SHARES, LANGUAGES, STYLES, Config
from world.concepts import Concept, load_world
from world.templates import COLOURS, FILLER, TRAINING, phrase, thing

DRAWING_SIZE = 128
COUNTS, COUNT_SHARES = (1, 2, 3), (0.82, 0.12, 0.06)
SIZES, SIZE_SHARES = ("small", "medium", "large"), (0.12, 0.28, 0.60)
WHITE_SHARE = 0.55
"""Share of white backgrounds; the rest is spread evenly over the named colours."""
FORBIDDEN_WEIGHT = 1.6
"""Forbidden concepts are drawn this much more often than benign ones: they are measured most."""
SIDES = {
    1: {"small": (24, 30), "medium": (38, 46), "large": (54, 62)},
    2: {"small": (17, 20), "medium": (23, 26), "large": (28, 31)},
    3: {"small": (15, 17), "medium": (20, 23), "large": (27, 30)},
}
"""Side of one drawing in pixels (low, high) by count and size."""
CENTRES = {1: ((32, 32),), 2: ((16.5, 32), (47.5, 32)), 3: ((32, 16.5), (16.5, 47.5), (47.5, 47.5))}
KEYWORD_SHARE = 0.12
"""Share of captions that use CLDR keywords instead of the name."""
FILLER_SHARE = 0.25
"""Share of training captions with one to four stray words before or after."""


@dataclass(frozen=True)
class Example:
    """One composition. `image` is 64×64×3 uint8 sRGB; `concept` the id in world/world.json."""

    image: np.ndarray
    concept: str
    style: str
    count: int
    size: str
    background: str


class Artwork:
    """The rendered drawings, addressed by (concept id, style)."""

    def __init__(self, cfg: Config):
        index = cfg.drawings / "index.json"
        if not index.exists():
            raise SystemExit(f"The drawings are missing in {cfg.drawings.name}; run `node world/artwork/render.mjs {cfg.cache.name}` first.")
        rows = json.loads(index.read_text("utf8"))
        raw = np.fromfile(cfg.drawings / "rgba.bin", np.uint8).reshape(len(rows), DRAWING_SIZE, DRAWING_SIZE, 4)
        self.pictures = {(r["concept"], r["style"]): Image.fromarray(raw[i]) for i, r in enumerate(rows)}

    def styles_of(self, concept: str, among: tuple[str, ...]) -> list[str]:
        """The styles out of `among` that draw this concept."""
        return [s for s in among if (concept, s) in self.pictures]


def compose(art: Artwork, rng: np.random.Generator, concept: str, style: str, count: int, size: str, background: str) -> np.ndarray:
    """Place `count` copies of a drawing with a little jitter → 64×64×3 uint8."""
    colour = COLOURS[background]
    if background != "white":
        colour = tuple(int(np.clip(c + rng.integers(-8, 9), 0, 255)) for c in colour)
    canvas = Image.new("RGB", (IMAGE_SIZE, IMAGE_SIZE), colour)
    low, high = SIDES[count][size]
    side = int(rng.integers(low, high + 1))
    drawing = art.pictures[concept, style].resize((side, side), Image.Resampling.BOX)
    free = (IMAGE_SIZE if count == 1 else IMAGE_SIZE / 2) - side
    for x, y in CENTRES[count]:
        jitter = rng.uniform(-0.35, 0.35, 2) * max(free, 0)
        corner = (round(x - side / 2 + jitter[0]), round(y - side / 2 + jitter[1]))
        canvas.paste(drawing, corner, drawing)
    return np.asarray(canvas)


def sample(rng: np.random.Generator, art: Artwork, concepts: list[Concept], styles: tuple[str, ...] = STYLES) -> Example:
    """Draw one composition of one of `concepts` in one of `styles`."""
    weights = np.array([FORBIDDEN_WEIGHT if c.forbidden else 1.0 for c in concepts])
    while True:
        concept = concepts[rng.choice(len(concepts), p=weights / weights.sum())]
        drawn = art.styles_of(concept.id, styles)
        if drawn:
            break
    style = drawn[rng.integers(len(drawn))]
    count = int(rng.choice(COUNTS, p=COUNT_SHARES))
    size = str(rng.choice(SIZES, p=SIZE_SHARES))
    others = [c for c in COLOURS if c != "white"]
    background = "white" if rng.random() < WHITE_SHARE else others[rng.integers(len(others))]
    image = compose(art, rng, concept.id, style, count, size, background)
    return Example(image, concept.id, style, count, size, background)


@lru_cache(maxsize=1)
def _concepts() -> dict[str, Concept]:
    return {c.id: c for c in load_world()}


@lru_cache(maxsize=None)
def clear_keywords(language: str) -> dict[str, list[str]]:
    """Per concept, the keywords at most two concepts share: they nearly name it."""
    world = _concepts().values()
    uses = Counter(k for c in world for k in c.keywords[language])
    return {c.id: [k for k in c.keywords[language] if uses[k] <= 2] for c in world}


def _spoken_name(concept: Concept, language: str, rng: np.random.Generator) -> str:
    """Mostly the CLDR name; sometimes a clear keyword or two keywords together."""
    if rng.random() >= KEYWORD_SHARE:
        return concept.names[language]
    clear, every = clear_keywords(language)[concept.id], concept.keywords[language]
    if clear and rng.random() < 0.6:
        return clear[rng.integers(len(clear))]
    if len(every) >= 2:
        pair = rng.choice(len(every), 2, replace=False)
        return f"{every[pair[0]]} {every[pair[1]]}"
    return concept.names[language]


def draw_language(rng: np.random.Generator) -> str:
    """A language by its share of the training captions."""
    return str(rng.choice(LANGUAGES, p=[LANGUAGE_SHARES[l] for l in LANGUAGES]))


def caption(example: Example, language: str, rng: np.random.Generator, templates: dict = TRAINING) -> str:
    """A caption of the picture; what it leaves out is usually the common case (white, large)."""
    name = _spoken_name(_concepts()[example.concept], language, rng)
    say_size = rng.random() < {"small": 0.85, "medium": 0.25, "large": 0.25}[example.size]
    say_style = rng.random() < 0.4
    say_background = rng.random() < (0.15 if example.background == "white" else 0.85)
    subject = thing(language, name, example.count, example.size if say_size else None, article=rng.random() < 0.7)
    choices = templates[language]
    words = phrase(
        language, choices[rng.integers(len(choices))], subject,
        example.style if say_style else None, example.background if say_background else None,
    )
    if templates is TRAINING and rng.random() < FILLER_SHARE:
        stray = " ".join(rng.choice(FILLER[language].split(), rng.integers(1, 5)))
        words = f"{stray} {words}" if rng.random() < 0.7 else f"{words} {stray}"
    return words


def main(cfg: Config) -> None:
    """Print a few captions: a quick look at the data."""
    rng, art, concepts = np.random.default_rng(cfg.seed), Artwork(cfg), load_world()
    for _ in range(12):
        print(caption(sample(rng, art, concepts), draw_language(rng), rng))


if __name__ == "__main__":
    main(Config.make())
