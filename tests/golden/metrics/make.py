"""Golden values of every metric, made with the reference Python packages (versions are in each file).

Run: models/pictogram/.venv/bin/python tests/golden/metrics/make.py [part …]
Needs, beside models/pictogram/requirements.txt: pip install --no-deps -r tests/golden/metrics/requirements.txt
(torchvision's wheel need not fit the CPU build of torch, see torchvision_cpu.py).
"""
import importlib
import sys

PARTS = ["distances", "pictures", "nudenet", "networks"]
for part in sys.argv[1:] or PARTS:
    print(f"-- {part}")
    try:
        importlib.import_module(f"make_{part}").main()
    except ModuleNotFoundError as error:
        sys.exit(f"{error.name} is missing: pip install --no-deps -r tests/golden/metrics/requirements.txt")
