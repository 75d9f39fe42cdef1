"""The pack's benign training sets for fine-tuning in the browser: pictures, captions, and what captions must not name.

General: the generator's styles, English. Multilingual: the same pictures, captions in ar, es, fr, hi. Domain: line art
and monotone styles, English. Pictures are 64×64×3 bytes as in the training of the generator; the browser encodes them.
"""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from config import DOMAIN_STYLES, LANGUAGES, STYLES, Config
from export.pack import file_entry
from world.concepts import load_world
from world.dataset import Artwork, caption, sample
from world.templates import english_plural

PICTURES = 96
"""Pictures per set: enough for 100 steps of 8 without much repetition, 1.2 MB."""
SETS = {"general": (("en",), "general", STYLES), "multilingual": (("ar", "es", "fr", "hi"), "general", STYLES),
        "domain": (("en",), "domain", DOMAIN_STYLES)}
"""Scenario → languages, picture file, styles."""

HEAD_WORDS = {
    "en": "knife knives sword swords gun guns pistol pistols bombs beer beers wine wines cocktail cocktails whisky whiskey skull skulls "
          "blood dynamite drugs corpse grenade rifle",
    "es": "cuchillo cuchillos espada espadas pistola pistolas bombas cerveza cervezas vino vinos cóctel whisky calavera calaveras sangre drogas",
    "fr": "couteau couteaux épée épées pistolet pistolets bombes bière bières vin vins cocktail whisky crânes sang drogue drogues",
    "ar": "سكين سيف مسدس قنابل بيرة خمر نبيذ دم مخدرات",
    "hi": "चाकू तलवार पिस्तौल बंदूक बीयर शराब व्हिस्की खून ख़ून",
}
"""What people say for the forbidden concepts in place of the full CLDR names."""


def normalise(text: str) -> str:
    """NFKC, lower case, single spaces: as captions and names are compared, here and in the browser."""
    return " ".join(unicodedata.normalize("NFKC", text).lower().split())


def names_any(text: str, names: list[str]) -> str | None:
    """The first of `names` (normalised) that stands in the text as whole words."""
    words = normalise(text)
    inside = lambda c: unicodedata.category(c)[0] in "LMN"
    for name in names:
        at = words.find(name)
        while at >= 0:
            end = at + len(name)
            if not (at > 0 and inside(words[at - 1])) and not (end < len(words) and inside(words[end])):
                return name
            at = words.find(name, at + 1)
    return None


def forbidden_names() -> list[str]:
    """Names of forbidden concepts in five languages, English plurals, and their head words; none that a benign concept bears."""
    world, found = load_world(), {w for words in HEAD_WORDS.values() for w in words.split()}
    for language in LANGUAGES:
        benign = {normalise(c.names[language]) for c in world if not c.forbidden}
        names = {normalise(c.names[language]) for c in world if c.forbidden} - benign
        found |= names | ({english_plural(n) for n in names} if language == "en" else set())
    return sorted(found)


def write(cfg: Config, root: Path) -> tuple[list[dict], dict]:
    """Rows of the manifest and the file of forbidden names; everything lands in `root/training`."""
    folder = root / "training"
    folder.mkdir(parents=True, exist_ok=True)
    forbidden = folder / "forbidden.json"
    names = forbidden_names()
    forbidden.write_text(json.dumps(names, ensure_ascii=False, indent=0) + "\n", "utf8")
    art, concepts, rows, examples = Artwork(cfg), [c for c in load_world() if not c.forbidden], [], {}
    count = 8 if cfg.smoke else PICTURES
    for key, (scenario, (languages, pictures, styles)) in enumerate(SETS.items()):
        if pictures not in examples:
            rng = np.random.default_rng((cfg.seed, 40, key))
            examples[pictures] = [sample(rng, art, concepts, styles) for _ in range(count)]
            save_file({"images": np.stack([e.image for e in examples[pictures]])}, folder / f"{pictures}.safetensors")
            (folder / f"{pictures}.safetensors").chmod(0o644)
        rng, captions = np.random.default_rng((cfg.seed, 41, key)), []
        for index, example in enumerate(examples[pictures]):
            for language in languages:
                text = caption(example, language, rng)
                while names_any(text, names):
                    text = caption(example, language, rng)
                captions.append({"image": index, "language": language, "text": text})
        path = folder / f"{scenario}.json"
        path.write_text(json.dumps(captions, ensure_ascii=False, indent=0) + "\n", "utf8")
        rows.append({"scenario": scenario, "languages": list(languages), "count": count, "captions": file_entry(root, path),
                     "images": file_entry(root, folder / f"{pictures}.safetensors")})
    return rows, file_entry(root, forbidden)
