"""Golden values of torch.randn on the CPU generator. Tolerance 1e-6 (PyTorch's vectorised log and sine).

Long outputs are kept as the first and last 32 values and the exact float64 sum of all.
Run: models/pictogram/.venv/bin/python tests/golden/random/make.py
"""
import json
from pathlib import Path

import torch

cases = []
for seed in (0, 42, 4294967295):
    for length in (1, 5, 15, 16, 17, 64, 100, 1024, 16384):
        values = torch.randn(length, generator=torch.Generator("cpu").manual_seed(seed))
        cases.append({
            "seed": seed, "length": length,
            "head": values[:32].tolist(), "tail": values[-32:].tolist(),
            "sum": values.double().sum().item(), "sumOfSquares": values.double().square().sum().item(),
        })
out = {"torch": torch.__version__, "tolerance": 1e-6, "randn": cases}
Path(__file__).with_name("torch-randn.json").write_text(json.dumps(out) + "\n")
