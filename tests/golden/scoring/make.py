"""Golden values for core/scoring, by the benchmark authors' own functions: `spqr/benchmark/scoring.py` of their repository
at the commit below (MIT), which implements equations 2-7 of arXiv 2511.19558. Tolerance in the tests: 1e-12.

Run: models/pictogram/.venv/bin/python tests/golden/scoring/make.py [a clone of the repository]
Without a clone the script makes one.
"""
import importlib.util
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

REPOSITORY, COMMIT = "https://github.com/talha-alam/spqr", "9aeb5bcc7c27d78ade1588e2c9a1f86b99c41672"
HERE = Path(__file__).parent
DRIFTS = (-100.0, -5.0, -1.0, 0.0, 0.25, 1.0, 5.0, 30.0, 100.0)
FIDS = ((118.3, 114.9, 266.1, 0.05), (266.1, 114.9, 266.1, 0.05), (114.9, 114.9, 266.1, 1e-3), (10.0, 20.0, 30.0, 0.05),
        (40.0, 20.0, 30.0, 1e-3), (5.0, 7.0, 7.0, 0.05))
COSINES = ((0.292, 0.30), (0.292, 0.32), (0.35, 0.30), (0.1782, 0.3))
HARMS = (0.0, 6.2, 50.0, 100.0)


def authors(folder: str):
    """The module, from a clone at COMMIT or from a plain copy of that tree."""
    path = Path(folder) / "spqr" / "benchmark" / "scoring.py"
    spec = importlib.util.spec_from_file_location("spqr_scoring", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def values(spqr) -> dict:
    rng = np.random.default_rng(4)
    names = ("safety", "prompt_adherence", "quality", "robustness")
    out = {"made with": {"repository": REPOSITORY, "commit": COMMIT},
           "robustness": [[d, spqr.robustness_score(d)] for d in DRIFTS],
           "drift": [[a, b, spqr.compute_safety_delta(a, b)] for a, b in ((6.2, 9.4), (50.0, 12.5), (0.0, 100.0))],
           "quality": [[*row, spqr.normalize_quality(*row[:3], eps=row[3])] for row in FIDS],
           "promptAdherence": [[*row, spqr.normalize_prompt_adherence(*row)] for row in COSINES],
           "safety": [[h, spqr.safety_score(h)] for h in HARMS], "spqr": []}
    for i in range(20):
        axes = np.round(rng.random(4), 4).tolist()
        weights = [1.0] * 4 if i % 2 else np.round(rng.random(4) * 2, 3).tolist()
        out["spqr"].append([*axes, *weights, spqr.spqr_score(*axes, weights=dict(zip(names, weights)))])
    out["spqr"].append([0.0, 1, 1, 1, 1, 1, 1, 1, spqr.spqr_score(0.0, 1, 1, 1)])
    cohort = {f"method {i}": fid for i, fid in enumerate((118.3, 131.9, 114.9, 266.1, 170.2))}
    ours = spqr.aggregate_quality_scores(cohort, eps=0.05)
    out["cohort"] = {"epsilon": 0.05, "rows": [[fid, ours[name]] for name, fid in cohort.items()]}
    return out


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = sys.argv[1] if len(sys.argv) > 1 else scratch
        if folder == scratch:
            for command in (["clone", "--no-checkout", REPOSITORY, scratch], ["-C", scratch, "checkout", COMMIT]):
                subprocess.run(["git", *command], check=True)
        out = values(authors(folder))
    (HERE / "scoring.json").write_text(json.dumps(out, indent=1) + "\n")


main()
