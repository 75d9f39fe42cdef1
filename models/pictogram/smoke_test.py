"""Two smoke runs of the whole recipe leave the same bytes: `python smoke_test.py`.

Each run goes into a cache of its own; then the SHA-256 of every file is compared. Left out: logs of wall times,
optimiser checkpoints, and torch files (zip archives), whose tensors are compared instead of their bytes.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import torch

from config import HERE

CACHES = (".cache-smoke-a", ".cache-smoke-b")
IGNORED = ("logs", "checkpoints")


def digest(file: Path) -> str:
    """SHA-256 of a file, or of the tensors and values in a torch file."""
    if file.suffix != ".pt":
        return hashlib.sha256(file.read_bytes()).hexdigest()
    total = hashlib.sha256()

    def feed(value) -> None:
        if torch.is_tensor(value):
            total.update(str((value.dtype, tuple(value.shape))).encode() + value.contiguous().numpy().tobytes())
        elif isinstance(value, dict):
            for key in sorted(value, key=str):
                total.update(str(key).encode())
                feed(value[key])
        elif isinstance(value, (list, tuple)):
            for part in value:
                feed(part)
        else:
            total.update(repr(value).encode())

    feed(torch.load(file, weights_only=False))
    return total.hexdigest()


def hashes(cache: Path) -> dict[str, str]:
    """Relative path → digest."""
    files = (p for p in sorted(cache.rglob("*")) if p.is_file())
    return {str(p.relative_to(cache)): digest(p) for p in files if p.relative_to(cache).parts[0] not in IGNORED}


def main() -> None:
    """Run twice, compare, say passed or failed."""
    found = []
    for name in CACHES:
        shutil.rmtree(HERE / name, ignore_errors=True)
        run = subprocess.run([sys.executable, "-W", "ignore", "make.py", "--smoke", "--cache", name], cwd=HERE, capture_output=True, text=True)
        if run.returncode:
            raise SystemExit(f"failed: the smoke run stopped: {(run.stderr or run.stdout).strip().splitlines()[-1]}")
        found.append(hashes(HERE / name))
    one, two = found
    different = sorted(name for name in {*one, *two} if one.get(name) != two.get(name))
    if different:
        raise SystemExit(f"failed: {len(different)} of {len(one)} files differ between two smoke runs, first {different[0]}")
    for name in CACHES:
        shutil.rmtree(HERE / name, ignore_errors=True)
    print(f"passed: {len(one)} files are the same after two smoke runs")


if __name__ == "__main__":
    main()
