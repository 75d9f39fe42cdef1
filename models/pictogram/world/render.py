"""Stage that renders the artwork with Node (`world/artwork/render.mjs`)."""

from __future__ import annotations

import shutil
import subprocess
import time

from config import HERE, Config
from storage import record_time


def main(cfg: Config) -> None:
    """Render all drawings once into `<cache>/drawings`."""
    if (cfg.drawings / "index.json").exists():
        return
    if shutil.which("node") is None:
        raise SystemExit("Node is not installed, and the artwork is rendered with it; install Node 20 and start again.")
    begun = time.time()
    if subprocess.run(["node", str(HERE / "world" / "artwork" / "render.mjs"), str(cfg.cache)], check=False).returncode:
        raise SystemExit("Rendering the artwork failed (see the line above); fix that and start again.")
    record_time(cfg, "render", time.time() - begun)
