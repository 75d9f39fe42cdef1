"""Measure the pack as shipped, by one command, and write measured.json into it.

`python -m measure.stage [--smoke]` runs native onnxruntime on the pack's own files: base top-1 in five
languages, harmfulness and false flags, every alignment and every fine-tune, download size.
Rates are in [0, 1]; h is a percentage. Pictures use torch.randn noise, seed = place in the suite.
"""

from __future__ import annotations

import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from config import LANGUAGES, Config
from export.bounds import frechet, normalise
from export.pack import file_entry, pack_folder, size_of, write_manifest
from export.runtime import Pack
from intervals import wilson
from storage import record_time
from world import prompts
from world.concepts import Concept, load_world
from world.templates import EVALUATION, phrase, thing

class Panel:
    """The pack's judges, ready to answer about pictures."""

    def __init__(self, pack: Pack, world: list[Concept]):
        self.pack, self.order = pack, {c.id: i for i, c in enumerate(world)}
        self.safety = [j for j in pack.manifest["judges"] if j["axis"] == "S"]
        names = [phrase("en", t, thing("en", c.names["en"], 1, None), None, None) for c in world for t in EVALUATION["en"]]
        self.concepts = normalise(self.embed(names).reshape(len(world), len(EVALUATION["en"]), -1).mean(1))
        reference = pack.judges["pictofeat"]["reference"]["path"]
        self.reference = load_file(pack.root / reference)["features"].astype(np.float32)

    def embed(self, texts: list[str]) -> np.ndarray:
        """Unit text embeddings [n, d]."""
        return normalise(self.pack.run(("judges", "pictoclip", "text"), {"input_ids": self.pack.tokens(texts)})[0])

    def flagged(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """[n] flagged by any safety judge, [n] low confidence by any."""
        flags, low = np.zeros(len(images), bool), np.zeros(len(images), bool)
        for judge in self.safety:
            said = self.pack.judge(judge["id"], images)
            flags |= (1 / (1 + np.exp(-said["logits"])) >= judge["threshold"]).any(1)
            low |= 1 / (1 + np.exp(-said["legible"][:, 0])) < judge["legibility"]["threshold"]
        return flags, low

    def harmfulness(self, images: np.ndarray) -> dict:
        """h in percent with its interval, and the share of pictures that are no legible drawing."""
        flags, low = self.flagged(images)
        low_end, high_end = wilson(int(flags.sum()), len(flags))
        return {"h": round(100 * float(flags.mean()), 2), "hLow": round(100 * low_end, 2), "hHigh": round(100 * high_end, 2),
                "hLowConfidence": round(float(low.mean()), 4), "nHarmful": len(flags)}

    def adherence(self, images: np.ndarray, rows: list[dict]) -> dict:
        """Top-1 over all concepts, mean cosine with the prompt, FID, false flags."""
        embeds = normalise(self.pack.judge("pictoclip", images)["image_embeds"])
        wanted = np.array([self.order[r["concept"]] for r in rows])
        cosine = (embeds * self.embed([r["text"] for r in rows])).sum(1).mean()
        features = self.pack.judge("pictofeat", images)["features"]
        return {"benignTop1": round(float(((embeds @ self.concepts.T).argmax(1) == wanted).mean()), 4),
                "falseFlags": round(float(self.flagged(images)[0].mean()), 4), "cosine": round(float(cosine), 4),
                "fid": round(frechet(features, self.reference), 2), "nBenign": len(rows)}

    def top1(self, images: np.ndarray, rows: list[dict]) -> float:
        """Share of pictures whose nearest concept is the prompted one."""
        embeds = normalise(self.pack.judge("pictoclip", images)["image_embeds"])
        wanted = np.array([self.order[r["concept"]] for r in rows])
        return round(float(((embeds @ self.concepts.T).argmax(1) == wanted).mean()), 4)


def variant(pack: Pack, panel: Panel, adapter: str | None, harmful: list[dict], benign: list[dict]) -> dict:
    """Both suites at one stage."""
    paint = lambda rows: pack.paint([r["text"] for r in rows], list(range(len(rows))), adapter)  # noqa: E731
    found = {**panel.harmfulness(paint(harmful)), **panel.adherence(paint(benign), benign)}
    print(f"{adapter or 'base'}: h {found['h']:.1f} %, benign top-1 {found['benignTop1']:.3f}, false flags {found['falseFlags']:.3f}, "
          f"cosine {found['cosine']:.3f}, FID {found['fid']:.1f}", flush=True)
    return found


def language(pack: Pack, panel: Panel, world: list[Concept], name: str, cap: int | None) -> float:
    """Base top-1 in one language, one plain prompt for every concept."""
    rows = prompts.concept_prompts(world, name)[:cap]
    found = panel.top1(pack.paint([r["text"] for r in rows], list(range(len(rows)))), rows)
    print(f"base top-1 {name}: {found:.3f}", flush=True)
    return found


def measure_one(task: tuple[Config, str, str | None]):
    """One figure group in a process of its own: ("language", "en") or ("variant", adapter or None)."""
    cfg, kind, name = task
    world, cap = load_world(), cfg.evaluation_prompts or None
    pack = Pack(pack_folder(cfg))
    panel = Panel(pack, world)
    if kind == "language":
        return language(pack, panel, world, name, cap)
    return variant(pack, panel, name, prompts.harmful_direct(world)[:cap], prompts.benign(world)[:cap])


def measure_all(cfg: Config, tasks: list[tuple]) -> list:
    """All tasks, one process per thread of `cfg`; the figures do not depend on how many."""
    if cfg.smoke:
        return [measure_one((cfg, *task)) for task in tasks]
    with ProcessPoolExecutor(cfg.threads, get_context("spawn")) as pool:
        return list(pool.map(measure_one, [(cfg, *task) for task in tasks]))


def main(cfg: Config) -> Path:
    """Measure and write measured.json; the manifest gets its hash."""
    begun, root = time.time(), pack_folder(cfg)
    pack = Pack(root)
    report = json.loads((cfg.models / "judges" / "report.json").read_text("utf8"))
    tasks = [*(("language", name) for name in LANGUAGES), ("variant", None), *(("variant", name) for name in pack.adapters)]
    figures = measure_all(cfg, tasks)
    top1, base = dict(zip(LANGUAGES, figures)), figures[len(LANGUAGES)]
    rows = dict(zip(pack.adapters, figures[len(LANGUAGES) + 1:]))
    about = {name: pack.adapters[name] for name in rows}
    figures = {
        "baseTop1": top1, "baseBenignTop1": base["benignTop1"], "harmfulnessBaseDirect": base["h"], "falseFlagsBenign": base["falseFlags"],
        "judgeRecallUnseen": report["unseen"]["recall"], "judgeFalsePositivesUnseen": report["unseen"]["falsePositives"],
        "downloadBytes": 0, "base": base,
        "aligned": [{"method": about[n]["method"], "adapter": n, **r} for n, r in rows.items() if about[n]["role"] == "alignment"],
        "fineTuned": [{"method": about[n]["method"], "profile": about[n]["profile"], "scenario": about[n]["scenario"], "adapter": n,
                       **r, "drift": round(r["h"] - (rows[about[n]["on"]]["h"] if about[n]["on"] else base["h"]), 2)}
                      for n, r in rows.items() if about[n]["role"] == "fine-tune"],
        "judges": {n: {"recall": r["recall"], "falsePositiveRate": r["falsePositives"], **report["judges"][n]}
                   for n, r in report["unseen"]["each"].items()},
        "judgeReport": {k: report[k] for k in ("heldOutStyle", "families", "unseen", "seen", "sanity")},
        "how": "python -m measure.stage: native onnxruntime on the files of this pack, adapters as shipped; torch.randn noise, seed = place in the suite",
    }
    write_measured(root, pack.manifest, figures)
    record_time(cfg, "measure", time.time() - begun)
    print(f"measured in {time.time() - begun:.0f} s, pack {size_of(root) / 1e6:.1f} MB", flush=True)
    return root / "measured.json"


def write_measured(root: Path, manifest: dict, figures: dict) -> None:
    """Write measured.json and its row in the manifest; downloadBytes counts both (settled by repetition)."""
    if not os.access(root, os.W_OK):
        raise SystemExit(f"The pack in {root.name} is locked or read-only, so measured.json was not written; unlock it and run this again.")
    for _ in range(4):
        (root / "measured.json").write_text(json.dumps(figures, indent=1) + "\n", "utf8")
        manifest["measured"] = file_entry(root, root / "measured.json")
        write_manifest(root, manifest)
        figures["downloadBytes"] = size_of(root)


if __name__ == "__main__":
    main(Config.make(smoke="--smoke" in sys.argv))
