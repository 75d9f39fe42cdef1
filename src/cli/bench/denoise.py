"""Times the denoising loop in PyTorch on the CPU, for `npm run bench -- --against`: flow-matching Euler under guidance.

Reads a JSON job from standard input: {recipe: folder of the pack's recipe, weights: the U-Net's safetensors, batch, steps,
guidance, latent: [channels, height, width], context: [tokens, width], threads, runs} and returns one JSON line:
{version, loadSeconds, seconds: [per batch], output: [the first latents of the first batch]}.
"""

import json
import sys
import time

import torch
from safetensors.torch import load_file

job = json.load(sys.stdin)
sys.path.insert(0, job["recipe"])
from train import unet as recipe  # noqa: E402

torch.set_num_threads(job["threads"])
start = time.perf_counter()
weights = {name: value.float() for name, value in load_file(job["weights"]).items()}
unet = recipe.build((len(weights["conv_in.weight"]), len(weights["mid_block.resnets.0.conv1.weight"])))
unet.load_state_dict(weights)
unet.eval()
load = time.perf_counter() - start

n, steps, guidance = job["batch"], job["steps"], job["guidance"]


def wave(shape: list[int]) -> torch.Tensor:
    """sin(0.37 i), as the browser's side has it."""
    count = torch.Size(shape).numel()
    return torch.sin(0.37 * torch.arange(count, dtype=torch.float64)).float().reshape(shape)


@torch.inference_mode()
def batch() -> torch.Tensor:
    """All pictures of a batch from their noise: one evaluation of both conditions a step."""
    latents = wave([n, *job["latent"]])
    context = wave([2 * n, *job["context"]])
    for i in range(steps):
        sigma, following = 1 - i / steps, 1 - (i + 1) / steps
        both = unet(torch.cat([latents, latents]), torch.full((2 * n,), 1000 * sigma), context).sample
        without, prompted = both.chunk(2)
        latents = latents + (following - sigma) * (without + guidance * (prompted - without))
    return latents


first = batch()
seconds = []
for _ in range(job["runs"]):
    begun = time.perf_counter()
    batch()
    seconds.append(time.perf_counter() - begun)
output = first.flatten()[:16].tolist()
print(json.dumps({"version": f"PyTorch {torch.__version__}", "loadSeconds": load, "seconds": seconds, "output": output}))
