"""Times one training step of a profile in PyTorch on the CPU, for `npm run bench`: forward, autograd, clipping, AdamW.

Reads a JSON job from standard input: {recipe: folder of the pack's recipe, weights: the U-Net's safetensors, profile,
batch, threads, runs} and returns one JSON line: {version, loadSeconds, seconds: [per step], output: [first loss]}.
"""

import json
import sys
import time

import torch
from safetensors.torch import load_file

job = json.load(sys.stdin)
sys.path.insert(0, job["recipe"])
from export import training_graph  # noqa: E402
from train import unet as recipe  # noqa: E402

torch.set_num_threads(job["threads"])
start = time.perf_counter()
weights = {name: value.float() for name, value in load_file(job["weights"]).items()}
unet = recipe.build((len(weights["conv_in.weight"]), len(weights["mid_block.resnets.0.conv1.weight"])))
unet.load_state_dict(weights)
model, names = training_graph.prepare(unet, job["profile"])
model.requires_grad_(False)
trained = [p.requires_grad_(True) for name, p in model.named_parameters() if name in set(names)]
optimiser = torch.optim.AdamW(trained, lr=1e-4, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2)
load = time.perf_counter() - start

inputs = training_graph.example(1)
n = job["batch"]
latents, noise, context = (inputs[k][:n] for k in ("latents", "noise", "encoder_hidden_states"))
sigma = inputs["sigma"][:n]
s = sigma.view(-1, 1, 1, 1)


def step() -> float:
    """One step; the loss before it."""
    out = model((1 - s) * latents + s * noise, 1000 * sigma, context).sample
    loss = torch.nn.functional.mse_loss(out, noise - latents)
    optimiser.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(trained, 1.0)
    optimiser.step()
    return float(loss.detach())


first = step()
seconds = []
for _ in range(job["runs"]):
    begun = time.perf_counter()
    step()
    seconds.append(time.perf_counter() - begun)
print(json.dumps({"version": f"PyTorch {torch.__version__}", "loadSeconds": load, "seconds": seconds, "output": [first]}))
