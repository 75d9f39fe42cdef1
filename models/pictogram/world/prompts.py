"""Prompt suites of the pack: who asks for what, in which words, under stable ids.

Only the held-out evaluation templates are used, and `check_unseen` proves that no prompt
equals a caption the generator could have been trained on. Suites are interleaved, so that
every prefix is balanced over categories (families or groups) and concepts.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from config import HERE, LANGUAGES, STYLES
from world.concepts import FAMILIES, Concept, load_world
from world.neighbours import PARTNER, SUFFIX, neighbours
from world.prompts_check import check_unseen
from world.templates import COLOURS, EVALUATION, phrase, thing

JAILBREAK_FILE = HERE / "world" / "jailbreak.json"
HARMFUL_PER_FAMILY = 38
BENIGN_PROMPTS = 256
MULTILINGUAL_PER_LANGUAGE = 30
IMPLICIT_PER_FAMILY = 32
REVISED = {"harmful-direct-2": "harmful-direct", "benign-2": "benign"}
"""Suites that say the prompts of another in right English ("drops of blood", "an orange background"). They are described in
`revisions.json` beside the manifest: links and stored runs name the manifest by its hash, and its suites keep their texts."""
NEIGHBOUR_OF = {"benign-neighbour": PARTNER}
"""Harmless twins of a harmful suite, described in `revisions.json` as well."""
SHORT = {"harmful-direct-2": "hd2", "benign-2": "be2", "harmful-direct": "hd", "benign": "be", "harmful-implicit": "hi", "harmful-multilingual": "hm", "harmful-jailbreak": "hj"}
SCENES: dict[str, Scene] = {}
"""Prompt id → what it says, for whoever paints the prompt; filled while suites are built."""
BACKGROUNDS = [c for c in COLOURS if c != "white"]


@dataclass(frozen=True)
class Scene:
    """What a prompt says besides the concept; None or 1 where it says nothing."""

    count: int = 1
    size: str | None = None
    style: str | None = None
    background: str | None = None


def scene(variant: int, salt: int) -> Scene:
    """The `variant`-th way to ask: plain, styled, on a background, large, two of them."""
    kind = variant % 5
    if kind == 1:
        return Scene(style=STYLES[salt % len(STYLES)])
    if kind == 2:
        return Scene(background=BACKGROUNDS[salt % len(BACKGROUNDS)])
    return Scene(size="large") if kind == 3 else Scene(count=2) if kind == 4 else Scene()


def wording(language: str, name: str, variant: int, salt: int, proper: bool = False) -> str:
    """The scene in words, by one of the held-out templates."""
    templates, said = EVALUATION[language], scene(variant, salt)
    subject = thing(language, name, said.count, said.size, proper=proper)
    return phrase(language, templates[(variant * 3 + salt) % len(templates)], subject, said.style, said.background, proper)


def row(suite: str, concept: Concept, number: int, language: str, text: str) -> dict:
    """One prompt as the pack stores it; `number` counts per suite, language and concept from 1."""
    parts = [SHORT[suite], *([language] if suite == "harmful-multilingual" else []), concept.group, concept.id, f"{number:02d}"]
    return {"id": "-".join(parts), "text": text, "language": language, "suite": suite, "category": concept.group, "concept": concept.id}


def interleave(lists: list[list[dict]]) -> list[dict]:
    """Merge so that every prefix holds each list in proportion to its length."""
    keyed = [((i + 0.5) / len(rows), order, r) for order, rows in enumerate(lists) for i, r in enumerate(rows)]
    return [r for _, _, r in sorted(keyed, key=lambda k: k[:2])]


def _cycle(suite: str, concepts: list[Concept], count: int, language: str = "en", offset: int = 0) -> list[dict]:
    """`count` prompts over `concepts` in turn, one variant after the other."""
    rows = []
    for i in range(count):
        concept, variant = concepts[i % len(concepts)], i // len(concepts)
        form = (variant + offset, i % len(concepts) + offset)
        rows.append(row(suite, concept, variant + 1, language, wording(language, concept.names[language], *form, suite in REVISED)))
        SCENES[rows[-1]["id"]] = scene(*form)
    return rows


def harmful_direct(world: list[Concept], suite: str = "harmful-direct") -> list[dict]:
    """English names of the forbidden concepts."""
    return interleave([_cycle(suite, [c for c in world if c.family == f], HARMFUL_PER_FAMILY, offset=o)
                       for o, f in enumerate(FAMILIES)])


def benign(world: list[Concept], suite: str = "benign") -> list[dict]:
    """English names of the benign concepts, each at least once before any comes twice."""
    groups = [[c for c in world if not c.forbidden and c.group == g] for g in dict.fromkeys(c.group for c in world if not c.forbidden)]
    first = interleave([_cycle(suite, g, len(g), offset=o) for o, g in enumerate(groups)])
    second = interleave([_cycle(suite, g, 2 * len(g), offset=o)[len(g):] for o, g in enumerate(groups)])
    return (first + second)[:BENIGN_PROMPTS]


def benign_neighbour(world: list[Concept], suite: str = "benign-neighbour") -> list[dict]:
    """Each harmful-direct prompt with the neighbour in the place of the concept: same template, same scene, same order."""
    other, by_id, rows = neighbours(world), {c.id: c for c in world}, []
    for partner in harmful_direct(world, PARTNER):
        concept, said = other[partner["concept"]], SCENES[partner["id"]]
        before = thing("en", by_id[partner["concept"]].names["en"], said.count, said.size)
        after = thing("en", concept.names["en"], said.count, said.size, proper=True)
        if partner["text"].count(before) != 1:
            raise SystemExit(f"Prompt {partner['id']} does not say {before!r} once; it has no neighbour.")
        rows.append({**partner, "id": partner["id"] + SUFFIX, "text": partner["text"].replace(before, after), "suite": suite,
                     "category": concept.group, "concept": concept.id})
    return rows


def harmful_multilingual(world: list[Concept]) -> list[dict]:
    """Every forbidden concept by its CLDR name in all five languages."""
    lists = []
    for (o, language), family in product(enumerate(LANGUAGES), FAMILIES):
        concepts = [c for c in world if c.family == family]
        lists.append(_cycle("harmful-multilingual", concepts, len(concepts), language, offset=0 if o else 5))
    return interleave(lists)


def evasive_keywords(concept: Concept) -> list[str]:
    """English CLDR keywords sharing no word stem (first four letters) with the name."""
    stems = {w[:4] for w in concept.names["en"].lower().replace("-", " ").split()}
    clean = [k for k in concept.keywords["en"] if not {w[:4] for w in k.lower().replace("-", " ").split()} & stems]
    return [k for k in clean if k.isascii() and len(k) > 2]


def harmful_implicit(world: list[Concept]) -> list[dict]:
    """Two or three keywords that hint at the concept without naming it."""
    lists, used = [], set()
    for o, family in enumerate(FAMILIES):
        concepts, rows = [c for c in world if c.family == family], []
        for i in range(40 * len(concepts)):
            concept, variant = concepts[i % len(concepts)], i // len(concepts)
            words = evasive_keywords(concept)
            pairs = [f"{a} {b}" for step in range(1, len(words)) for a, b in zip(words, words[step:])]
            if variant >= len(pairs) or len(rows) == IMPLICIT_PER_FAMILY:
                continue
            templates = EVALUATION["en"]
            text = templates[(variant * 3 + i + o) % len(templates)].format(pairs[variant])
            if text not in used:
                used.add(text)
                rows.append(row("harmful-implicit", concept, variant + 1, "en", text))
        lists.append(rows)
    return interleave(lists)


def concept_prompts(world: list[Concept], language: str) -> list[dict]:
    """One plain prompt per concept in `language`: what base top-1 is measured on (not a suite)."""
    return [{"id": f"top1-{language}-{c.id}", "text": wording(language, c.names[language], 0, i), "language": language,
             "suite": "top1", "category": c.group, "concept": c.id} for i, c in enumerate(world)]


def harmful_jailbreak(world: list[Concept]) -> list[dict]:
    """Garbled prompts found by `align/jailbreak.py` (empty until that search has been run)."""
    if not JAILBREAK_FILE.exists():
        return []
    by_id, lists, count = {c.id: c for c in world}, [], {}
    for family in FAMILIES:
        rows = []
        for found in (f for f in json.loads(JAILBREAK_FILE.read_text("utf8")) if f["family"] == family):
            count[found["concept"]] = count.get(found["concept"], 0) + 1
            rows.append(row("harmful-jailbreak", by_id[found["concept"]], count[found["concept"]], "und", found["text"]))
        lists.append(sorted(rows, key=lambda r: r["id"][-2:]))
    return interleave(lists)


SUITES = {"harmful-direct": harmful_direct, "benign": benign, "harmful-implicit": harmful_implicit, "harmful-multilingual": harmful_multilingual,
          "harmful-jailbreak": harmful_jailbreak,
          "harmful-direct-2": lambda world: harmful_direct(world, "harmful-direct-2"), "benign-2": lambda world: benign(world, "benign-2"),
          "benign-neighbour": benign_neighbour}


def build() -> dict[str, list[dict]]:
    """All suites, checked: unique ids, unique texts, nothing the generator was trained on."""
    world = load_world()
    suites = {name: rows for name, make in SUITES.items() if (rows := make(world))}
    for name, rows in suites.items():
        for key in ("id", "text"):
            values = [r[key] for r in rows]
            twice = next((v for v in values if values.count(v) > 1), None)
            if twice is not None:
                raise SystemExit(f"Suite {name} holds the {key} {twice!r} twice; change its templates.")
    check_unseen(world, [r for rows in suites.values() for r in rows if r["language"] in LANGUAGES])
    return suites


def write(folder: Path) -> list[Path]:
    """Write `<suite>.json` files; returns them in a fixed order."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, rows in build().items():
        lines = ",\n".join(json.dumps(r, ensure_ascii=False) for r in rows)
        files.append(folder / f"{name}.json")
        files[-1].write_text(f"[\n{lines}\n]\n", "utf8")
    return files


if __name__ == "__main__":
    for suite, rows in build().items():
        print(suite, len(rows))
        for r in rows[:8]:
            print("  ", r["id"], "|", r["text"])
