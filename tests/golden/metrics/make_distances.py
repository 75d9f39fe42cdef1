"""FID and KID of synthetic features by torch-fidelity and clean-fid.

The features are a closed formula of MT19937 words, which the test repeats bit by bit, so none are stored. clean-fid
draws KID's subsets from NumPy's global generator; it is seeded as torch-fidelity seeds its own.
Tolerances: FID 1e-3 relative, KID 1e-6 absolute.
"""
import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

HERE = Path(__file__).parent


def features(seed: int, rows: int, dimension: int, shift: float) -> np.ndarray:
    """Non-negative, correlated features with falling variances, float32 [rows, dimension]."""
    generator = np.random.MT19937()
    generator._legacy_seeding(seed)
    words = generator.random_raw(rows * (dimension + 8)).astype(np.float64) / 2**32
    words = words.reshape(rows, dimension + 8)
    column = np.arange(dimension)
    own, shared = words[:, :dimension], words[:, dimension + column % 8]
    scale = 2 / (1 + column * 0.125)
    return (scale * (own + shared * 0.5) + shift * (column % 3)).astype(np.float32)


def main() -> None:
    import torchvision_cpu  # noqa: F401
    from cleanfid.fid import frechet_distance, kernel_distance
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
    from torch_fidelity.metric_kid import kid_features_to_metric

    cases = []
    for name, n, m, d, subset in [
        ("fewer images than dimensions", 50, 60, 512, 40),
        ("more images than dimensions", 300, 200, 64, 100),
        ("few against many", 40, 700, 128, 30),
        ("Inception's dimension", 120, 150, 2048, 100),
        ("one image more than two", 3, 5, 4, 3),
    ]:
        a, b = features(1, n, d, 0.0), features(2, m, d, 0.03)
        statistics = [fid_features_to_statistics(torch.from_numpy(x)) for x in (a, b)]
        fid = fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]
        kid = [kid_features_to_metric(torch.from_numpy(a.astype(t)), torch.from_numpy(b.astype(t)), kid_subsets=100,
                                      kid_subset_size=subset, verbose=False) for t in (np.float32, np.float64)]
        np.random.seed(2020)
        clean_kid = kernel_distance(b.astype(np.float64), a.astype(np.float64), num_subsets=100, max_subset_size=subset)
        case = {"name": name, "n": n, "m": m, "d": d, "torchFidelity": fid, "subsetSize": subset,
                "kidFloat32": kid[0], "kidFloat64": kid[1], "cleanFidKid": clean_kid}
        if d <= 512:
            case["cleanFid"] = float(frechet_distance(statistics[0]["mu"], statistics[0]["sigma"], statistics[1]["mu"], statistics[1]["sigma"]))
        case["head"] = a.ravel()[:4].tolist()
        cases.append(case)
        print(case, flush=True)
    out = {"made with": {p: version(p) for p in ("torch-fidelity", "clean-fid", "numpy", "scipy")}, "cases": cases}
    (HERE / "distances.json").write_text(json.dumps(out, indent=1) + "\n")
