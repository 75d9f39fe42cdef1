"""Prompt suites of a pack, and which of them the manifest names.

`python -m export.suites` writes the suites of the shipped pack and its `revisions.json` anew. The manifest stays as it is:
suites that it names come out with the same bytes, or the command stops before it writes.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from export.pack import PACKS, file_entry
from world import prompts

BESIDE = {"revises": prompts.REVISED, "neighbourOf": prompts.NEIGHBOUR_OF}
"""Suites that were added later, by what they are to a suite of the manifest."""


def write_prompts(root: Path) -> list[dict]:
    """All suites, returned as the manifest names them; those added later go into `revisions.json`, which no hash of the manifest covers."""
    rows, beside = [], []
    for path in prompts.write(root / "prompts"):
        content = json.loads(path.read_text("utf8"))
        entry = {"suite": path.stem, "harmful": path.stem.startswith("harmful"),
                 "languages": list(dict.fromkeys(p["language"] for p in content)), "count": len(content), "file": file_entry(root, path)}
        said = {field: suites[path.stem] for field, suites in BESIDE.items() if path.stem in suites}
        (beside if said else rows).append({**entry, **said})
    (root / "revisions.json").write_text(json.dumps({"schema": 1, "suites": beside}, indent=1) + "\n", "utf8")
    return rows


def main() -> None:
    """Write them beside the shipped manifest."""
    pack = PACKS / "pictogram"
    named = json.loads((pack / "manifest.json").read_text("utf8"))["prompts"]
    with tempfile.TemporaryDirectory() as folder:
        if write_prompts(Path(folder)) != named:
            raise SystemExit("The suites of the manifest would change, and links and stored runs name them; give changed suites a new name.")
    write_prompts(pack)
    print("prompts and revisions.json written")


if __name__ == "__main__":
    main()
