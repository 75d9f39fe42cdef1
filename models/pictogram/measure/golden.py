"""Golden data for the browser tests: the pack's pipeline in onnxruntime and diffusers, stage by stage.

`python -m measure.golden` writes tests/golden/pictogram/pipeline.json (prompts, seeds, token ids, hash of the
manifest) and pipeline.safetensors (float32 tensors named `<variant>/<stage>`, first dimension = prompt):

    context                [2, 32, width]   last_hidden_state        (both variants share it)
    noise                  [2, 16, 8, 8]    torch.randn per seed     (shared)
    <variant>/latents      [steps, 2, 16, 8, 8]  after every step
    <variant>/rgb          [2, 64, 64, 3]   uint8
    <variant>/<judge>/…    raw outputs of every judge's graph; for a clip judge also `cosine` [2]

Variants: `base`, and `uce` if the pack ships that alignment.
"""

from __future__ import annotations

import hashlib
import json
import sys

import numpy as np
from safetensors.numpy import save_file

from config import REPOSITORY, Config
from export.bounds import normalise
from export.pack import pack_folder
from export.runtime import Pack

FOLDER = REPOSITORY / "tests" / "golden" / "pictogram"
SEEDS = (7, 11)


def cases(pack: Pack) -> list[dict]:
    """The first harmful-direct and the first benign prompt of the pack."""
    files = {row["suite"]: pack.root / row["file"]["path"] for row in pack.manifest["prompts"]}
    return [json.loads(files[suite].read_text("utf8"))[0] for suite in ("harmful-direct", "benign")]


def judge_outputs(pack: Pack, images: np.ndarray, texts: list[str]) -> dict[str, np.ndarray]:
    """Raw outputs of all judges, named `<judge>/<output>`."""
    outputs = {}
    for name, judge in pack.judges.items():
        outputs |= {f"{name}/{output}": value for output, value in pack.judge(name, images).items()}
        if judge["kind"] == "clip":
            embeds = pack.run(("judges", name, "text"), {"input_ids": pack.tokens(texts)})[0]
            outputs[f"{name}/text_embeds"] = embeds
            outputs[f"{name}/cosine"] = (normalise(embeds) * normalise(outputs[f"{name}/image_embeds"])).sum(1)
    return outputs


def main(cfg: Config) -> None:
    """Write both files."""
    pack = Pack(pack_folder(cfg))
    rows = cases(pack)
    texts, context, noise = [r["text"] for r in rows], pack.encode([r["text"] for r in rows]), pack.noise(list(SEEDS))
    levels, times = pack.sigmas(pack.model["scheduler"]["numInferenceSteps"])
    tensors = {"context": context, "noise": noise}
    variants = ["base", *(["uce"] if "uce" in pack.adapters else [])]
    for variant in variants:
        trace = pack.denoise(context, noise, pack.chain(None if variant == "base" else variant))
        images = pack.decode(trace[-1])
        tensors |= {f"{variant}/latents": np.stack(trace), f"{variant}/rgb": images}
        tensors |= {f"{variant}/{name}": value for name, value in judge_outputs(pack, images, texts).items()}
    about = {
        "manifestSha256": hashlib.sha256((pack.root / "manifest.json").read_bytes()).hexdigest(),
        "prompts": rows, "seeds": list(SEEDS), "inputIds": pack.tokens(texts).tolist(), "emptyInputIds": pack.tokens([""])[0].tolist(),
        "sigmas": levels, "timesteps": times, "guidanceScale": pack.model["scheduler"]["guidanceScale"], "variants": variants,
    }
    folder = cfg.cache / "golden" if cfg.smoke and "--publish" not in sys.argv else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    save_file({k: np.ascontiguousarray(v if v.dtype == np.uint8 else v.astype(np.float32)) for k, v in tensors.items()}, folder / "pipeline.safetensors")
    (folder / "pipeline.json").write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n", "utf8")
    print(f"golden: {len(tensors)} tensors, {(folder / 'pipeline.safetensors').stat().st_size / 1000:.0f} kB", flush=True)


if __name__ == "__main__":
    main(Config.make(smoke="--smoke" in sys.argv))
