"""Files that every stage writes: never half of one, and the wall time of each stage."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

from config import Config


def write_whole(path: Path, write) -> None:
    """Call write(temporary path), then rename: an interruption never leaves half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    try:
        write(temporary)
    except (OSError, RuntimeError) as error:
        full = getattr(error, "errno", None) == errno.ENOSPC or "No space left" in str(error) or "write" in str(error)
        if full:
            raise SystemExit(f"The disk is full while writing {path.name}; free some space and start again to resume.") from error
        raise
    os.replace(temporary, path)


def record_time(cfg: Config, stage: str, seconds: float, **figures) -> None:
    """Write one stage's wall time into `<cache>/logs/wall-times.json`."""
    path = cfg.logs / "wall-times.json"
    times = json.loads(path.read_text("utf8")) if path.exists() else {}
    times[stage] = {"seconds": round(seconds, 1), **figures}
    write_whole(path, lambda p: p.write_text(json.dumps(times, indent=1) + "\n", "utf8"))
