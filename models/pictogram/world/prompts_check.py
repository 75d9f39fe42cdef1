"""Proof that evaluation prompts are unseen: none equals a caption `dataset.caption` can make."""

from __future__ import annotations

from functools import lru_cache
from itertools import permutations, product

from world.concepts import Concept
from world.dataset import COUNTS, SIZES
from world.templates import BACKGROUND, COLOUR_WORDS, STYLE, STYLE_WORDS, TRAINING, thing


def _subjects(world: list[Concept], language: str) -> set[str]:
    """Every noun phrase a training caption may contain in this language."""
    names = {n for c in world for n in (c.names[language], *c.keywords[language])}
    subjects = {thing(language, n, count, size, article)
                for n, count, size, article in product(names, COUNTS, (None, *SIZES), (True, False))}
    for concept in world:
        for a, b in permutations(concept.keywords[language], 2):
            subjects.update((thing(language, f"{a} {b}", 1, None), f"{a} {b}"))
    return subjects


@lru_cache(maxsize=None)
def _endings(language: str) -> list[str]:
    """What may follow the template: nothing, style, background, or style and background."""
    styles = ["", *(" " + STYLE[language].format(w) for w in STYLE_WORDS.values())]
    grounds = ["", *(" " + BACKGROUND[language].format(w) for w in COLOUR_WORDS[language].values())]
    return [s + g for s, g in product(styles, grounds)]


def check_unseen(world: list[Concept], prompts: list[dict]) -> None:
    """Stop if a prompt could have been a training caption."""
    for language in dict.fromkeys(p["language"] for p in prompts):
        subjects = _subjects(world, language)
        for prompt in (p for p in prompts if p["language"] == language):
            for ending in _endings(language):
                if not prompt["text"].endswith(ending):
                    continue
                core = prompt["text"][:len(prompt["text"]) - len(ending)]
                for template in TRAINING[language]:
                    before, after = template.split("{}")
                    fits = core.startswith(before) and core.endswith(after) and len(core) >= len(before) + len(after)
                    if fits and core[len(before):len(core) - len(after)] in subjects:
                        raise SystemExit(f"Prompt {prompt['id']} ({prompt['text']!r}) is a possible training caption; reword it.")
