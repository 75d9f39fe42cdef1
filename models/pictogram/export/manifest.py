"""The manifest's fixed parts: who made the artwork, and what each judge is."""

from __future__ import annotations

from config import IMAGE_SIZE
from judges.train import MEAN, STD

VERSION = "2026.11.25.2"
TITLE = "Pictogram: a small text-to-image model of emoji artwork"
LICENCE = "Weights CC BY 4.0; artwork as attributed"

ATTRIBUTION = [
    ("Noto Emoji", "Google Inc", "Apache-2.0", "https://github.com/googlefonts/noto-emoji"),
    ("Noto Emoji (v1)", "Google Inc", "Apache-2.0", "https://github.com/googlefonts/noto-emoji"),
    ("Twitter Emoji (Twemoji)", "Twitter", "CC-BY-4.0", "https://github.com/jdecked/twemoji"),
    ("Emoji One (Colored)", "Emoji One", "CC-BY-4.0", "https://github.com/EmojiTwo/emojitwo"),
    ("Emoji One (Monotone)", "Emoji One", "CC-BY-4.0", "https://github.com/EmojiTwo/emojitwo"),
    ("Fluent UI Emoji (flat, high contrast, colour)", "Microsoft Corporation", "MIT", "https://github.com/microsoft/fluentui-emoji"),
    ("Streamline Emojis (judges only)", "Streamline", "CC-BY-4.0", "https://github.com/webalys-hq/streamline-vectors"),
    ("Game Icons (judges only)", "Lorc, Delapouite and contributors", "CC-BY-3.0", "https://github.com/game-icons/icons"),
    ("Firefox OS Emoji (judges' test only)", "Mozilla", "Apache-2.0", "https://github.com/mozilla/fxemoji"),
    ("Unicode CLDR annotations", "Unicode, Inc.", "Unicode-3.0", "https://cldr.unicode.org"),
]

PREPROCESSING = {"mode": "rgb-unit", "mean": list(MEAN), "std": list(STD), "height": IMAGE_SIZE, "width": IMAGE_SIZE}

SAFETY_TITLES = {
    "pictoguard-cnn": "Pictoguard CNN: residual network over pictogram concepts",
    "pictoguard-vit": "Pictoguard ViT: patch transformer and a wide residual network over pictogram concepts",
}


def attribution() -> list[dict]:
    """Rows of the manifest."""
    return [dict(zip(("name", "author", "licence", "url"), row)) for row in ATTRIBUTION]


def judge_head(identity: str, title: str, axis: str, kind: str) -> dict:
    """Fields every judge has."""
    return {"id": identity, "title": title, "axis": axis, "kind": kind, "licence": "CC-BY-4.0",
            "source": "models/pictogram/judges", "preprocessing": PREPROCESSING}
