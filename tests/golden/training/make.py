"""Golden data of the training step: a tiny U-Net, its exported graphs, and what PyTorch's own training does with it.

The reference shares no code with the exported step: torch.nn.functional.mse_loss, autograd, clip_grad_norm_ and
torch.optim.AdamW on the diffusers model (attention by scaled_dot_product_attention), and PEFT's LoRA for `lite`.
Files: weights.safetensors (float16), <profile>.onnx, golden.json (layout, losses of 50 steps, gradient of step 1 at every
STRIDE-th element and its norm). Inputs come from `noise` below, which the test computes alike, so none are stored.
Tolerances of the test: gradients 1e-4 relative to the largest entry, losses 1e-3 relative.
"""

import copy
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import torch
from diffusers import StableDiffusionPipeline, UNet2DConditionModel
from peft import LoraConfig
from safetensors.numpy import save_file

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2] / "models" / "pictogram"))

from export import training_graph as graph  # noqa: E402

STEPS, STRIDE, LEARNING_RATE, COUNT = 50, 29, 1e-4, 6
"""COUNT pictures of the graph's 8: the rest has weight 0."""


def noise(stream: int, size: int) -> np.ndarray:
    """Deterministic values in [-1.7, 1.7): murmur3's finaliser of stream·2²⁰ + index, scaled."""
    x = (np.arange(size, dtype=np.uint64) + np.uint64(stream) * np.uint64(1 << 20)).astype(np.uint32)
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    x = (x ^ (x >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    x = x ^ (x >> np.uint32(16))
    return ((x.astype(np.float64) / 2**32 - 0.5) * 3.4).astype(np.float32)


def batch(step: int) -> dict[str, torch.Tensor]:
    pick = lambda k, *shape: torch.from_numpy(noise(10 * step + k, int(np.prod(shape))).reshape(shape))
    return {"latents": pick(1, COUNT, 16, 8, 8), "noise": pick(2, COUNT, 16, 8, 8),
            "sigma": torch.from_numpy((noise(10 * step + 3, COUNT).astype(np.float64) / 3.4 + 0.5).astype(np.float32)),
            "context": pick(4, COUNT, 32, 192)}


def build():
    torch.manual_seed(5)
    unet = UNet2DConditionModel(
        sample_size=8, in_channels=16, out_channels=16, layers_per_block=1, block_out_channels=(16, 16), norm_num_groups=8,
        cross_attention_dim=192, attention_head_dim=2, down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D")).eval()
    for value in unet.state_dict().values():
        value.copy_(value.half().float())
    return unet


def reference(profile: str, rows: list[dict], flat: torch.Tensor) -> tuple[list[float], np.ndarray]:
    """Losses of STEPS steps and the gradient of the first."""
    unet = build()
    unet.requires_grad_(False)
    if profile == "lite":
        unet.add_adapter(LoraConfig(r=graph.RANK, lora_alpha=graph.ALPHA, target_modules=list(graph.LITE)))
    named = {n.replace(".base_layer", "").replace(".default", ""): p for n, p in unet.named_parameters()}
    chosen = [named[r["name"]] for r in rows]
    with torch.no_grad():
        for r, p in zip(rows, chosen):
            p.copy_(flat[r["offset"]:r["offset"] + p.numel()].view(p.shape))
    for p in chosen:
        p.requires_grad_(True)
    optimiser = torch.optim.AdamW(chosen, lr=LEARNING_RATE, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2)
    losses, first = [], None
    for step in range(STEPS):
        b = batch(step)
        s = b["sigma"].view(-1, 1, 1, 1)
        out = unet((1 - s) * b["latents"] + s * b["noise"], 1000 * b["sigma"], b["context"]).sample
        loss = torch.nn.functional.mse_loss(out, b["noise"] - b["latents"])
        optimiser.zero_grad()
        loss.backward()
        if first is None:
            first = torch.cat([p.grad.reshape(-1) for p in chosen]).numpy().copy()
        torch.nn.utils.clip_grad_norm_(chosen, 1.0)
        optimiser.step()
        losses.append(float(loss))
    return losses, first


def check_lora(lite: dict) -> None:
    """The LoRA file that our trainer writes: diffusers loads it, PEFT applies it, pictures' velocities are those of the factors."""
    flat = 0.05 * noise(7, lite["length"])
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "lora.safetensors"
        path.with_name("lora.safetensors.flat").write_bytes(flat.tobytes())
        subprocess.run(["npx", "tsx", str(HERE / "write.ts"), str(path)], check=True, cwd=HERE.parents[2])
        state, alphas, settings = StableDiffusionPipeline.lora_state_dict(folder, weight_name=path.name, return_lora_metadata=True)
    unet = build()
    StableDiffusionPipeline.load_lora_into_unet(state, network_alphas=alphas, unet=unet, metadata=settings)
    model, names = graph.prepare(build(), "lite")
    parameters = dict(model.named_parameters())
    b = batch(0)
    with torch.no_grad():
        for row in lite["parameters"]:
            value = parameters[row["name"]]
            value.copy_(torch.from_numpy(flat[row["offset"]:row["offset"] + value.numel()].copy()).view(value.shape))
        plain, loaded, wanted = (net(b["latents"], 1000 * b["sigma"], b["context"]).sample for net in (build(), unet, model))
    error, effect = ((x - wanted).abs().max() / wanted.abs().max() for x in (loaded, plain))
    print(f"LoRA through diffusers: error {error:.1e}, effect {effect:.1e}")
    if not (error < 1e-5 and effect > 1e-3):
        sys.exit("diffusers does not get the same model out of the LoRA file that the trainer writes.")


def adamw() -> None:
    """adamw.json: torch.optim.AdamW with constants of its own behind clip_grad_norm_, on gradients from `noise`."""
    own = {"beta1": 0.8, "beta2": 0.95, "epsilon": 1e-4, "weightDecay": 0.1, "clipNorm": 2.0}
    size, steps, rate = 96, 30, 1e-2
    parameter = torch.nn.Parameter(torch.from_numpy(noise(500, size).copy()))
    optimiser = torch.optim.AdamW([parameter], lr=rate, betas=(own["beta1"], own["beta2"]), eps=own["epsilon"], weight_decay=own["weightDecay"])
    for step in range(steps):
        parameter.grad = torch.from_numpy(noise(501 + step, size) * (0.1 if step % 3 else 1.0))
        torch.nn.utils.clip_grad_norm_([parameter], own["clipNorm"])
        optimiser.step()
    (HERE / "adamw.json").write_text(json.dumps({"size": size, "steps": steps, "learningRate": rate, "optimiser": own, "flat": parameter.detach().tolist()}) + "\n")


def main():
    torch.set_num_threads(1)
    adamw()
    unet, tensors, offset = build(), [], 0
    for name, value in sorted(unet.state_dict().items()):
        tensors.append({"name": name, "dims": list(value.shape), "offset": offset, "length": 4 * value.numel()})
        offset += -(-4 * value.numel() // 64) * 64
    save_file({k: v.half().numpy() for k, v in unet.state_dict().items()}, HERE / "weights.safetensors")
    (HERE / "weights.safetensors").chmod(0o644)
    golden = {"batchSize": graph.BATCH, "count": COUNT, "stride": STRIDE, "learningRate": LEARNING_RATE, "optimiser": graph.OPTIMISER,
              "externalData": {"path": graph.WEIGHTS_FILE, "bytes": offset, "tensors": tensors}, "profiles": []}
    for profile in graph.PROFILES:
        model, rows, length = graph.export_step(unet, profile, tensors)
        (HERE / f"{profile}.onnx").write_bytes(model.SerializeToString(deterministic=True))
        start = torch.from_numpy(0.05 * noise(7, length)) if profile == "lite" else torch.cat([unet.state_dict()[r["name"]].reshape(-1) for r in rows])
        losses, grad = reference(profile, rows, start)
        ports = [[{"name": p.name, "dtype": "float32", "dims": [d.dim_value for d in p.type.tensor_type.shape.dim]} for p in side]
                 for side in (model.graph.input, model.graph.output)]
        golden["profiles"].append({
            "profile": profile, "length": length, "lora": {"rank": graph.RANK, "alpha": graph.ALPHA} if profile == "lite" else None,
            "parameters": rows, "inputs": ports[0], "outputs": ports[1], "losses": losses,
            "gradient": {"norm": float(np.linalg.norm(grad.astype(np.float64))), "largest": float(np.abs(grad).max()), "values": grad[::STRIDE].astype(float).tolist()}})
        print(profile, length, len(model.graph.node), losses[0], losses[-1])
    (HERE / "golden.json").write_text(json.dumps(golden) + "\n")
    check_lora(golden["profiles"][0])


main()
