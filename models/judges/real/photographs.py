"""Photographs of scikit-image, and what NudeNet's own package says of them, for `npm run real`.

    python photographs.py OUT NSFWJS

Writes OUT/<name>.png and OUT/<name>.rgb for each, OUT/nudenet.json with sizes, boxes and versions, OUT/nudenet.onnx, and
OUT/nsfwjs.onnx, which `../nsfwjs.py` makes of the npm package at NSFWJS. Nothing of it is committed.
"""

import json
import shutil
import sys
from importlib.metadata import version
from pathlib import Path

import cv2
import nudenet
import onnx
import skimage

sys.path.append(str(Path(__file__).resolve().parents[1]))
from nsfwjs import convert  # noqa: E402

PACKAGES = ("nudenet", "scikit-image", "opencv-python-headless", "onnxruntime")


def main(out: Path, package: Path) -> None:
    detector = nudenet.NudeDetector()
    folder = Path(skimage.__file__).parent / "data"
    pictures = []
    for path in sorted([*folder.glob("*.png"), *folder.glob("*.jpg")]):
        bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
        (out / f"{path.name}.rgb").write_bytes(bgr[:, :, ::-1].tobytes())
        cv2.imwrite(str(out / f"{path.name}.png"), bgr)
        boxes = [{"label": found["class"], "score": float(found["score"]), "box": [int(v) for v in found["box"]]} for found in detector.detect(bgr)]
        pictures.append({"name": path.name, "width": bgr.shape[1], "height": bgr.shape[0], "boxes": boxes})
    shutil.copyfile(Path(nudenet.__file__).parent / "320n.onnx", out / "nudenet.onnx")
    onnx.save(convert(package), out / "nsfwjs.onnx")
    found = {"versions": {name: version(name) for name in PACKAGES}, "pictures": pictures}
    (out / "nudenet.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
