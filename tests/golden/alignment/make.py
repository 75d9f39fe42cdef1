"""Golden data of the closed-form alignments, computed in NumPy float64 straight from the papers' general formulas.

Weights: the cross-attention projections of the tiny U-Net in ../adapters/base.safetensors (d = 12).
`inputs.json` holds rows of embeddings (erase, guide, preserve) for two cases: `narrow`, fewer erased rows than d, and
`wide`, more. `<case>.<method>.safetensors` holds the edited weights in float64;
`words.mace.safetensors` those of MACE, from whole prompts, so that the choice of tokens is compared too. Tolerance of the test: 1e-5 relative.
Last, the LoRA file that our own code writes for narrow.uce (`write.ts`) is loaded by diffusers into the U-Net, fused by
PEFT and compared with NumPy's result: 1e-6.
"""

import json
import pathlib
import subprocess
import sys

import numpy as np
import torch
from diffusers import StableDiffusionPipeline, UNet2DConditionModel
from safetensors.numpy import load_file, save_file

HERE = pathlib.Path(__file__).resolve().parent
OPTIONS = {"lambda": 0.5, "eraseScale": 1.5, "preserveScale": 0.75, "mu": 0.1, "rounds": 2}


def uce(weights, erase, guide, preserve, base=None):
    """W' = (lambda W + sum s v c^T)(lambda I + sum s c c^T)^-1 (UCE, eq. 7)."""
    lam, se, sp = OPTIONS["lambda"], OPTIONS["eraseScale"], OPTIONS["preserveScale"]
    edited = {}
    for name, w in weights.items():
        top, bottom = lam * w, lam * np.eye(w.shape[1])
        for c, g in zip(erase, guide):
            top, bottom = top + se * np.outer(w @ g, c), bottom + se * np.outer(c, c)
        for p in preserve:
            top, bottom = top + sp * np.outer(w @ p, p), bottom + sp * np.outer(p, p)
        edited[name] = top @ np.linalg.inv(bottom)
    return edited


def rece(weights, erase, guide, preserve):
    """c' = (mu I + sum W'^T W')^-1 (sum W'^T W) c, then UCE from the weights so far (RECE, eq. 6)."""
    edited = uce(weights, erase, guide, preserve)
    for _ in range(OPTIONS["rounds"]):
        gram = OPTIONS["mu"] * np.eye(erase.shape[1]) + sum(w.T @ w for w in edited.values())
        cross = sum(edited[n].T @ weights[n] for n in weights)
        evoking = np.stack([np.linalg.inv(gram) @ cross @ c for c in erase])
        edited = uce(edited, evoking, guide, preserve)
    return edited


def speed(weights, erase, guide, preserve):
    """W' = W + W (A - T) P (I - M K (K^T P M K + lambda I)^-1 K^T P) M, M = (T P + r I)^-1 (SPEED, arXiv 2503.07392);
    A and T are means over concepts (here: rows), P projects on eigenvalues below 0.1, K holds the first two guide rows."""
    lam, se, r = OPTIONS["lambda"], OPTIONS["eraseScale"], OPTIONS["preserveScale"]
    target, anchor, k = se * erase.T @ erase / len(erase), se * guide.T @ erase / len(erase), guide[:2].T
    u, s, _ = np.linalg.svd(preserve.T @ preserve / len(preserve))
    p, eye = u[:, s < 0.1] @ u[:, s < 0.1].T, np.eye(len(target))
    m = np.linalg.inv(target @ p + r * eye)
    held = eye - m @ k @ np.linalg.inv(k.T @ p @ m @ k + lam * np.eye(2)) @ k.T @ p
    return {name: w + w @ (anchor - target) @ p @ held @ m for name, w in weights.items()}


def mace(weights, prompts, mapped, ends, mapped_ends, preserve):
    """MACE, stage 1 (Lu et al., CVPR 2024, eq. 3): for every token behind the concept, in every prompt around it,
    the new projection shall give what the old one gives for the same word in the mapped prompt; preserved rows stay.
    W' = (sum W e_f e_p^T + ... + lambda W)(sum e_p e_p^T + ... + lambda I)^-1, summed word by word."""
    lam, se, sp = OPTIONS["lambda"], OPTIONS["eraseScale"], OPTIONS["preserveScale"]
    edited = {}
    for name, w in weights.items():
        top, bottom = lam * w, lam * np.eye(w.shape[1])
        for prompt, target, end, target_end in zip(prompts, mapped, ends, mapped_ends):
            for position in range(end, len(prompt)):
                word = prompt[position]
                final = target[min(len(target) - 1, position - end + target_end)]
                top, bottom = top + se * np.outer(w @ final, word), bottom + se * np.outer(word, word)
        for text in preserve:
            for p in text:
                top, bottom = top + sp * np.outer(w @ p, p), bottom + sp * np.outer(p, p)
        edited[name] = top @ np.linalg.inv(bottom)
    return edited


def make_mace(weights, rng):
    """Four prompts of 7 tokens around two concepts, the concept's last token at a place of its own in each."""
    case = {"length": 7, "ends": [2, 3, 5, 2], "mappedEnds": [1, 2, 4, 1], "tokens": [5, 6, 7, 4]}
    texts = {k: rng.standard_normal((n, 7, 12)).astype(np.float32) for k, n in (("prompts", 4), ("mapped", 4), ("preserve", 3))}
    rows = {k: v.astype(np.float64) for k, v in texts.items()}
    save_file(mace(weights, rows["prompts"], rows["mapped"], case["ends"], case["mappedEnds"], rows["preserve"]), HERE / "words.mace.safetensors")
    return {**case, **{k: v.reshape(len(v), -1).tolist() for k, v in texts.items()}}


def main():
    base = load_file(HERE.parent / "adapters" / "base.safetensors")
    weights = {k: v.astype(np.float64) for k, v in sorted(base.items()) if k.endswith(("attn2.to_k.weight", "attn2.to_v.weight"))}
    rng = np.random.default_rng(7)
    inputs = {"options": OPTIONS, "cases": {}}
    for case, erased, preserved in (("narrow", 3, 4), ("wide", 30, 40)):
        rows = {k: rng.standard_normal((n, 12)).astype(np.float32) for k, n in (("erase", erased), ("guide", erased), ("preserve", preserved))}
        inputs["cases"][case] = {k: v.reshape(-1).tolist() for k, v in rows.items()}
        rows = {k: v.astype(np.float64) for k, v in rows.items()}
        save_file(uce(weights, **rows), HERE / f"{case}.uce.safetensors")
        save_file(rece(weights, **rows), HERE / f"{case}.rece.safetensors")
        if case == "narrow":  # 40 random rows leave no direction of 12 free
            save_file(speed(weights, **rows), HERE / "narrow.speed.safetensors")
    inputs["mace"] = make_mace(weights, np.random.default_rng(11))
    (HERE / "inputs.json").write_text(json.dumps(inputs) + "\n")

    subprocess.run(["npx", "tsx", str(HERE / "write.ts")], check=True, cwd=HERE.parents[2])
    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        sample_size=8, in_channels=4, out_channels=4, layers_per_block=1, block_out_channels=(8, 16), norm_num_groups=4,
        cross_attention_dim=12, attention_head_dim=4, down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"))
    unet.load_state_dict({k: torch.from_numpy(v.copy()) for k, v in base.items() if not k.startswith("text_encoder.")})
    state, alphas, settings = StableDiffusionPipeline.lora_state_dict(HERE, weight_name="lora.safetensors", return_lora_metadata=True)
    StableDiffusionPipeline.load_lora_into_unet(state, network_alphas=alphas, unet=unet, metadata=settings)
    unet.fuse_lora()
    merged = {k.replace(".base_layer", ""): v.numpy() for k, v in unet.state_dict().items()}
    for name, expected in load_file(HERE / "narrow.uce.safetensors").items():
        error = np.abs(merged[name] - expected).max() / np.abs(expected).max()
        if not error < 1e-6:
            sys.exit(f"diffusers merges our LoRA of {name} with an error of {error:.1e}.")
    for path in HERE.glob("*.safetensors"):
        path.chmod(0o644)


main()
