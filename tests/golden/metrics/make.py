"""Golden values of every metric, made with the reference Python packages (versions are in each file).

Run: models/pictogram/.venv/bin/python tests/golden/metrics/make.py [part …]
Needs, beside models/pictogram/requirements.txt: pip install --no-deps -r tests/golden/metrics/requirements.txt
"""
import importlib
import sys

PARTS = ["distances", "pictures"]
for part in sys.argv[1:] or PARTS:
    print(f"-- {part}")
    importlib.import_module(f"make_{part}").main()
