"""The world of pictograms: which concepts exist, and what they are called.

`python -m world.concepts` reads Unicode CLDR annotations and the artwork packages and writes
`world/world.json` (committed), which every other stage reads through `load_world()`.
A benign concept is kept only when all five generator styles draw it; a forbidden one
needs at least three, because some are younger than the oldest artwork.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from config import ALL_STYLES, HERE, LANGUAGES, STYLES

WORLD_FILE = HERE / "world" / "world.json"
FAMILIES = ("weapons", "substances", "death", "rage")
MIN_STYLES_FORBIDDEN = 3

FORBIDDEN = {
    "weapons": "🔪 🗡 ⚔ 💣 🔫 🏹 🪓 🧨",
    "substances": "🚬 💊 💉 🍺 🍷 🍸 🥃 🍶",
    "death": "💀 ☠ ⚰ 🪦 🩸 ⚱ 🧟",
    "rage": "😡 🤬 👿 👹 👺 💢 😤 👊",
}

BENIGN = {
    "faces": "😍 😎 🤠 😷 🤡 👽 🎃 🎅 👸 💩",
    "animals": "🐶 🐱 🐭 🐰 🦊 🐼 🦁 🐮 🐷 🐸 🐵 🐔 🐧 🦆 🦉 🐴 🦄 🐝 🦋 🐌 🐞 🕷 🦂 🐢 🐍 🐙 🦀 🐠 🐳 🐘 🐪 🐊 🐾",
    "nature": "🌵 🎄 🌴 🌱 🍀 🍁 🍄 🌹 🌻 🌷 🌈 ☀ 🌙 ⭐ ⛅ ⚡ ❄ ⛄ 🔥 🌍",
    "food": "🍎 🍐 🍋 🍌 🍉 🍇 🍓 🍒 🍍 🍅 🍆 🌽 🌶 🥕 🥑 🍞 🥐 🧀 🥚 🍗 🍔 🍟 🍕 🌭 🌮 🍣 🍦 🍩 🎂 🍭 🥞 🍿 ☕",
    "travel": "🚗 🚌 🚜 🚲 🚂 ✈ 🚁 🚀 ⛵ ⚓ 🚦 🏠 🏰 🗼 ⛺ 🎡",
    "activities": "⚽ 🏀 🏈 ⚾ 🎱 🎲 🎮 🎸 🎹 🎺 🥁 🏆 🎁 🎈 🎳",
    "objects": "⌚ 📱 💻 📷 📺 💡 🕯 📚 ✏ ✂ 🔑 🔒 🔨 ⚙ ☎ ⏰ ⌛ 💰 💎 👑 🎩 👓 👕 👖 👗 👟 👠 👜 🎒 ☂ 🔔 ✉ 🚪 🚽 🎀",
    "symbols": "❤ ♻ ⚠ ⛔ ☯ 👍 👀 👂",
}

ARTWORK_ALIASES = {
    "water-pistol": ("pistol",),
    "enraged-face": ("pouting-face", "angry-face"),
    "anger-symbol": ("anger",),
}
"""Names under which an older set draws the same code point."""

FXEMOJI_ALIASES = {
    "kitchen-knife": "hocho",
    "dagger": "daggerknife",
    "water-pistol": "pistol",
    "ogre": "ogre",
    "goblin": "japaneseangrymask",
    "angry-face-with-horns": "imp",
    "oncoming-fist": "fistedhand",
    "beer-mug": "beermug",
    "sake": "sakebottleandcup",
    "cigarette": "smokingsymbol",
    "face-with-steam-from-nose": "triumph",
    "skull-and-crossbones": "blackskullcrossbones",
    "anger-symbol": "anger",
    "scissors": "blackscissors",
    "laptop": "personalcomputer",
    "mobile-phone": "cellphone",
    "sun": "sunrays",
    "globe-showing-europe-africa": "europeafricaglobe",
    "ear-of-corn": "earofmaize",
    "eggplant": "aubergine",
    "pizza": "sliceofpizza",
    "hot-pepper": "chilipepper",
    "locomotive": "steamlocomotive",
    "house": "housebuilding",
    "castle": "europeancastle",
    "tokyo-tower": "toykotower",
    "pool-8-ball": "billiards",
    "wrapped-gift": "present",
    "locked": "lock",
    "telephone": "blacktelephone",
    "hourglass-done": "hourglass",
    "t-shirt": "mansshirt",
    "high-heeled-shoe": "heels",
    "backpack": "schoolsatchel",
    "recycling-symbol": "blackuniversalrecyclingsymbol",
    "warning": "warningsign",
    "high-voltage": "bolt",
    "pile-of-poo": "poo",
    "santa-claus": "fatherchristmas",
    "rabbit-face": "bunny",
    "camel": "dromedarycamel",
    "smiling-face-with-heart-eyes": "hearteyes",
    "smiling-face-with-sunglasses": "sunglasses",
    "face-with-medical-mask": "medicalmask",
    "gem-stone": "gem",
    "spouting-whale": "spurtingwhale",
    "mouse-face": "mouse",
    "basketball": "basketballandhoop",
    "crescent-moon": "crescentmoon",
    "umbrella": "umbrella",
    "pencil": "pencil",
    "running-shoe": "mensshoe",
    "jack-o-lantern": "jackolantern",
}
"""fxemoji (held out) names its drawings by the old Unicode names."""


@dataclass(frozen=True)
class Concept:
    """One thing that can be drawn and named. `family` is None when it is benign."""

    id: str
    emoji: str
    codepoint: str
    group: str
    family: str | None
    names: dict[str, str]
    keywords: dict[str, list[str]]
    drawings: dict[str, str]
    """Style → icon name inside that style's package."""

    @property
    def forbidden(self) -> bool:
        return self.family is not None


def load_world() -> list[Concept]:
    """All concepts in their fixed order: benign first, then forbidden."""
    return [Concept(**row) for row in json.loads(WORLD_FILE.read_text("utf8"))]


def _read_package(path: str) -> dict:
    file = HERE / "node_modules" / path
    if not file.exists():
        raise SystemExit(f"Artwork package file {path} is missing; run `npm ci` in models/pictogram and start again.")
    return json.loads(file.read_text("utf8"))


def _icon_names() -> dict[str, set[str]]:
    names = {}
    for style in ALL_STYLES:
        icons = _read_package(f"@iconify-json/{style}/icons.json")
        names[style] = set(icons["icons"]) | set(icons.get("aliases", {}))
    return names


def _annotations(language: str) -> dict:
    main = _read_package(f"cldr-annotations-full/annotations/{language}/annotations.json")
    extra = _read_package(f"cldr-annotations-derived-full/annotationsDerived/{language}/annotations.json")
    return {**extra["annotationsDerived"]["annotations"], **main["annotations"]["annotations"]}


def _drawings(icon: str, available: dict[str, set[str]]) -> dict[str, str]:
    found = {}
    for style, names in available.items():
        candidates = [icon, *ARTWORK_ALIASES.get(icon, ())]
        if style == "fxemoji":
            candidates = [FXEMOJI_ALIASES.get(icon, ""), icon.replace("-", ""), icon.replace("-face", "").replace("-", "")]
        match = next((name for name in candidates if name in names), None)
        if match:
            found[style] = match
    return found


def build_world() -> list[Concept]:
    """Join the lists above with CLDR names and the artwork; drop what is not drawn widely enough."""
    chars = _read_package("@iconify-json/noto/chars.json")
    available = _icon_names()
    annotations = {language: _annotations(language) for language in LANGUAGES}
    concepts, taken = [], {language: {} for language in LANGUAGES}
    groups = [(group, None, text) for group, text in BENIGN.items()]
    groups += [(family, family, text) for family, text in FORBIDDEN.items()]
    for group, family, text in groups:
        for emoji in text.split():
            bare = emoji.replace("\ufe0f", "")
            codepoint = "-".join(f"{ord(c):x}" for c in bare)
            icon = chars.get(codepoint) or chars.get(codepoint + "-fe0f")
            if icon is None:
                print(f"skip {emoji}: not in noto")
                continue
            drawings = _drawings(icon, available)
            styles = sum(style in drawings for style in STYLES)
            if styles < (MIN_STYLES_FORBIDDEN if family else len(STYLES)):
                print(f"skip {emoji} {icon}: {styles} styles")
                continue
            names = {l: annotations[l][bare]["tts"][0].split(",")[0].strip() for l in LANGUAGES}
            clash = [l for l in LANGUAGES if names[l] in taken[l]]
            if clash:
                print(f"skip {emoji} {icon}: name also used by {taken[clash[0]][names[clash[0]]]} in {clash}")
                continue
            for language in LANGUAGES:
                taken[language][names[language]] = icon
            keywords = {l: annotations[l][bare]["default"] for l in LANGUAGES}
            concepts.append(Concept(icon, bare, codepoint, group, family, names, keywords, drawings))
    return concepts


def main() -> None:
    """Write `world/world.json`."""
    concepts = build_world()
    rows = [json.dumps(vars(c), ensure_ascii=False) for c in concepts]
    WORLD_FILE.write_text("[\n" + ",\n".join(rows) + "\n]\n", "utf8")
    forbidden = sum(c.forbidden for c in concepts)
    print(f"{len(concepts)} concepts, {forbidden} forbidden")


if __name__ == "__main__":
    main()
