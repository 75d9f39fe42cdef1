"""NudeNet 3.4.2: its own pre- and post-processing, with its own 320n.onnx (AGPL: used here, never stored here).

`real`: output rows with a class score of at least 0.05 on scikit-image's astronaut (a NASA portrait, public domain) and
parts of it, and the package's detections. `made`: outputs of a closed formula, which the test repeats. Tolerance: input
one grey level (1/255), boxes one pixel, scores 1e-6.
"""
import importlib.util
import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
from PIL import Image

from pictures import picture

HERE = Path(__file__).parent
STEP = 997
ANCHORS = 400


def made_output(seed: int) -> np.ndarray:
    """float32 [22, ANCHORS]: boxes in clusters, one likely class each, a few scores just around the limits."""
    generator = np.random.MT19937()
    generator._legacy_seeding(seed)
    words = generator.random_raw(ANCHORS * 8).astype(np.float64).reshape(ANCHORS, 8) / 2**32
    output = np.zeros((22, ANCHORS), np.float32)
    cluster = np.arange(ANCHORS) % 9
    output[0] = 40 + cluster * 30 + words[:, 0] * 14
    output[1] = 30 + (cluster * 67) % 260 + words[:, 1] * 14
    output[2] = 20 + words[:, 2] * 60
    output[3] = 20 + words[:, 3] * 60
    output[4:] = (words[:, 4] * 0.15)[None]
    output[4 + (words[:, 5] * 18).astype(int), np.arange(ANCHORS)] = words[:, 6] * 0.5 + 0.1
    return output


def main() -> None:
    import nudenet
    import nudenet.nudenet as package
    detector = nudenet.NudeDetector()
    photo = np.asarray(Image.open(Path(importlib.util.find_spec("skimage").origin).parent / "data" / "astronaut.png").convert("RGB"))
    inputs = []
    for width, height in [(64, 64), (300, 200), (200, 333), (320, 320), (640, 640)]:
        # Files are read as blue, green, red.
        blob = package._read_image(picture(width, height, 21)[..., ::-1].copy())[0]
        inputs.append({"size": [width, height], "values": [float(f"{v:.7g}") for v in blob.ravel()[::STEP]]})
    real = []
    for name, crop in [("whole", photo), ("wide", photo[60:330]), ("tall", photo[:, 120:330]), ("half", photo[::2, ::2])]:
        image = crop[..., ::-1].copy()
        raw = detector.onnx_session.run(None, {"images": package._read_image(image)[0]})[0][0]
        anchors = np.flatnonzero(raw[4:].max(0) >= 0.05)
        real.append({"name": name, "size": [image.shape[1], image.shape[0]], "anchors": raw.shape[1],
                     "rows": {int(i): [float(f"{v:.9g}") for v in raw[:, i]] for i in anchors}, "detections": detector.detect(image)})
        print(name, real[-1]["detections"])
    made = []
    for seed, (width, height) in [(31, (320, 320)), (32, (512, 300)), (33, (123, 457))]:
        side = max(width, height)
        found = package._postprocess([made_output(seed)[None]], side - width, side - height, side / width, side / height, width, height, 320, 320)
        made.append({"seed": seed, "size": [width, height], "detections": found})
        print(seed, len(found))
    out = {"made with": {p: version(p) for p in ("nudenet", "opencv-python-headless", "onnxruntime", "scikit-image")}, "step": STEP,
           "inputs": inputs, "real": real, "made": made}
    (HERE / "nudenet.json").write_text(json.dumps(out) + "\n")
