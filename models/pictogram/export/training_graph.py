"""Training steps as ONNX graphs: benign fine-tuning in the browser.

One step is: velocity loss of rectified flow on a batch, gradients, clipping to norm 1, AdamW. `make_fx` records forward,
`autograd.grad` and the update as plain ATen operations, and training_onnx.py turns those into ONNX. The two backward
operations that torch does not decompose are written out here (convolution, nearest upsampling). The graphs hold no weights:
frozen ones are the inference graph's external data (`weights.bin` in the same layout, so an aligned model trains
without another graph), trainable ones travel in one flat vector.

Inputs: flat, m, v (n,), bias1 = 1 − β₁ᵗ, bias2 = 1 − β₂ᵗ, learning_rate (1,), latents, noise (8, 16, 8, 8),
sigma, sample_weight (8,), encoder_hidden_states (8, 32, 192). sample_weight sums to 1: a batch of fewer pictures has
zeros at the end. Outputs: loss (1,), next_flat, next_m, next_v, grad (n,), before clipping.
"""

from __future__ import annotations

import copy
import json
import math
import sys
from pathlib import Path

import onnx
import torch
from diffusers.models.attention_processor import AttnProcessor
from torch import nn
from torch._decomp import core_aten_decompositions, get_decompositions
from torch.fx.experimental.proxy_tensor import make_fx

from config import CONTEXT_LENGTH, LATENT_CHANNELS, LATENT_SIZE, TEXT_WIDTH, Config
from export import training_data
from export.graph import OPSET, WEIGHTS_FILE
from export.pack import PACKS, file_entry
from export.training_onnx import translate
from train import unet as unet_stage
from train.unet import CAPTION_DROPOUT

BATCH = 8
"""Pictures of one step; the graph's shapes are fixed."""
RANK, ALPHA = 8, 16
LITE = ("to_q", "to_k", "to_v", "to_out.0")
OPTIMISER = {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weightDecay": 1e-2, "clipNorm": 1.0}
PROFILES = ("lite", "moderate", "standard")
aten = torch.ops.aten


class LoraLinear(nn.Module):
    """y = W·x + b + (α/r)·B·A·x with W frozen (Hu et al., 2022). Names as PEFT writes them."""

    def __init__(self, base: nn.Linear):
        super().__init__()
        self.weight, self.bias = base.weight, base.bias
        self.lora_A = nn.Module()
        self.lora_B = nn.Module()
        self.lora_A.weight = nn.Parameter(torch.zeros(RANK, base.in_features))
        self.lora_B.weight = nn.Parameter(torch.zeros(base.out_features, RANK))

    def forward(self, x):
        low = (x @ self.lora_A.weight.T) @ self.lora_B.weight.T
        return nn.functional.linear(x, self.weight, self.bias) + low * (ALPHA / RANK)


def prepare(unet, profile: str):
    """(model, names of its trainable parameters, sorted). The model is a copy."""
    model = copy.deepcopy(unet).eval().float()
    model.set_attn_processor(AttnProcessor())
    if profile == "lite":
        for name, module in list(model.named_modules()):
            if isinstance(module, nn.Linear) and name.endswith(LITE) and ".attn" in name:
                parent, _, child = name.rpartition(".")
                setattr(model.get_submodule(parent), child, LoraLinear(module))
        names = [n for n, _ in model.named_parameters() if ".lora_" in n]
    elif profile == "moderate":
        names = [n for n, _ in model.named_parameters() if ".attn2.to_k." in n or ".attn2.to_v." in n or ".attn2.to_out.0." in n]
    else:
        names = [n for n, _ in model.named_parameters()]
    return model, sorted(names)


def layout(model, names: list[str]) -> tuple[list[dict], int]:
    """Where each trainable tensor is in the flat vector (offsets in elements), and the vector's length."""
    parameters, rows, offset = dict(model.named_parameters()), [], 0
    for name in names:
        dims = list(parameters[name].shape)
        rows.append({"name": name, "dims": dims, "offset": offset})
        offset += math.prod(dims)
    return rows, offset


def make_step(model, names: list[str]):
    """step(frozen, flat, m, v, …) → loss, flat′, m′, v′, grad; pure, for eager use and for tracing."""
    rows, _ = layout(model, names)

    def step(frozen, flat, m, v, bias1, bias2, learning_rate, latents, noise, sigma, sample_weight, encoder_hidden_states):
        with torch.enable_grad():
            parts = [flat[r["offset"]:r["offset"] + math.prod(r["dims"])].detach().view(r["dims"]).requires_grad_() for r in rows]
            weights = {**frozen, **dict(zip(names, parts))}

            s = sigma.view(-1, 1, 1, 1)
            inputs = ((1 - s) * latents + s * noise, 1000 * sigma, encoder_hidden_states)
            velocity = torch.func.functional_call(model, weights, inputs, {"return_dict": False})[0]
            # unet.flow_loss, with a weight for each picture in place of the mean over the batch.
            loss = ((velocity - (noise - latents)).square().mean((1, 2, 3)) * sample_weight).sum()
            grads = torch.autograd.grad(loss, parts)
        grad = torch.cat([g.reshape(-1) for g in grads])
        # torch.nn.utils.clip_grad_norm_: the coefficient never exceeds 1.
        clip = torch.clamp(OPTIMISER["clipNorm"] / (grad.square().sum().sqrt() + 1e-6), max=1.0)
        g = grad * clip
        m = OPTIMISER["beta1"] * m + (1 - OPTIMISER["beta1"]) * g
        v = OPTIMISER["beta2"] * v + (1 - OPTIMISER["beta2"]) * g * g
        decayed = flat * (1 - learning_rate * OPTIMISER["weightDecay"])
        flat = decayed - learning_rate / bias1 * m / (v.sqrt() / bias2.sqrt() + OPTIMISER["epsilon"])
        return loss.reshape(1), flat, m, v, grad

    return step


def example(length: int, seed: int = 0) -> dict[str, torch.Tensor]:
    """Inputs of the right shapes."""
    g = torch.Generator().manual_seed(seed)
    shape = (BATCH, LATENT_CHANNELS, LATENT_SIZE, LATENT_SIZE)
    return {
        "flat": 0.1 * torch.randn(length, generator=g), "m": torch.zeros(length), "v": torch.zeros(length),
        "bias1": torch.tensor([0.1]), "bias2": torch.tensor([0.001]), "learning_rate": torch.tensor([1e-4]),
        "latents": torch.randn(shape, generator=g), "noise": torch.randn(shape, generator=g), "sigma": torch.rand(BATCH, generator=g),
        "sample_weight": torch.full((BATCH,), 1 / BATCH), "encoder_hidden_states": torch.randn(BATCH, CONTEXT_LENGTH, TEXT_WIDTH, generator=g),
    }


def _convolution_backward(grad, x, weight, bias_sizes, stride, padding, dilation, transposed, output_padding, groups, mask):
    """Input gradient: transposed convolution. Weight gradient: one matrix product per kernel position over slices."""
    if transposed or groups != 1 or tuple(dilation) != (1, 1):
        raise SystemExit("The U-Net has a convolution that export/training_graph.py does not differentiate: transposed, grouped or dilated.")
    n, o, h, w = grad.shape
    i, (kh, kw) = weight.shape[1], weight.shape[2:]
    grad_input = grad_weight = None
    if mask[0]:
        extra = [x.shape[2 + d] - ((grad.shape[2 + d] - 1) * stride[d] - 2 * padding[d] + weight.shape[2 + d]) for d in (0, 1)]
        grad_input = aten.convolution.default(grad, weight, None, stride, padding, dilation, True, extra, 1)
    if mask[1]:
        padded = torch.nn.functional.pad(x, (padding[1], padding[1], padding[0], padding[0]))
        g = grad.permute(1, 0, 2, 3).reshape(o, n * h * w)
        windows = [padded[:, :, a:a + (h - 1) * stride[0] + 1:stride[0], b:b + (w - 1) * stride[1] + 1:stride[1]] for a in range(kh) for b in range(kw)]
        columns = torch.stack([p.permute(0, 2, 3, 1).reshape(n * h * w, i) for p in windows])
        products = torch.matmul(g, columns)
        grad_weight = products.permute(1, 2, 0).reshape(o, i, kh, kw)
    return grad_input, grad_weight, grad.sum((0, 2, 3)) if mask[2] else None


def _upsample_backward(grad, output_size, input_size, scales_h=None, scales_w=None):
    """Nearest upsampling by whole factors: the gradient is the sum over each block."""
    n, c, h, w = input_size
    a, b = grad.shape[2] // h, grad.shape[3] // w
    return grad.reshape(n, c, h, a, w, b).sum((3, 5))


def _split(x, size, dim=0):
    """Slices, not Split: WebGPU allows ten buffers a kernel."""
    sizes = size if isinstance(size, (list, tuple)) else [min(size, x.shape[dim] - k) for k in range(0, x.shape[dim], size)]
    starts = [sum(sizes[:k]) for k in range(len(sizes))]
    return [aten.slice.Tensor(x, dim, a, a + b) for a, b in zip(starts, sizes)]


def decompositions() -> dict:
    """torch's core set plus the operations written out above."""
    table = dict(core_aten_decompositions())
    table.update(get_decompositions([aten.native_group_norm_backward, aten.native_group_norm, aten.native_layer_norm, aten.native_layer_norm_backward]))
    table.update({
        aten.convolution_backward.default: _convolution_backward, aten.upsample_nearest2d_backward.default: _upsample_backward,
        aten.split.Tensor: _split, aten.split_with_sizes.default: _split,
    })
    return table


def export_step(unet, profile: str, tensors: list[dict]) -> tuple[onnx.ModelProto, list[dict], int]:
    """Graph, layout of the flat vector and its length. `tensors` is the inference graph's external layout."""
    model, names = prepare(unet, profile)
    rows, length = layout(model, names)
    step = make_step(model, names)
    frozen = {k: v.detach() for k, v in model.named_parameters() if k not in set(names)}
    inputs = example(length)
    frozen_names = sorted(frozen)

    def positional(*values):
        return step(dict(zip(frozen_names, values[:len(frozen_names)])), *values[len(frozen_names):])

    values = [frozen[k] for k in frozen_names] + list(inputs.values())
    recorded = make_fx(positional, decomposition_table=decompositions())(*values)
    recorded.graph.eliminate_dead_code()
    graph = translate(recorded, [*frozen_names, *inputs], ["loss", "next_flat", "next_m", "next_v", "grad"], OPSET)
    graph.producer_name = "pictogram"
    _to_external(graph, {t["name"]: t for t in tensors}, set(frozen_names))
    return graph, rows, length


def _to_external(graph: onnx.ModelProto, places: dict[str, dict], frozen: set[str]) -> None:
    """Frozen weights stop being inputs and become the initializers of `weights.bin`."""
    used = {name for node in graph.graph.node for name in node.input}
    kept = [i for i in graph.graph.input if i.name not in frozen]
    del graph.graph.input[:]
    graph.graph.input.extend(kept)
    for name in sorted(frozen & used):
        place = places.get(name)
        if place is None:
            raise SystemExit(f"The training graph needs the weight {name}, which the inference graph lacks.")
        tensor = onnx.TensorProto(name=name, data_type=onnx.TensorProto.FLOAT, dims=place["dims"])
        tensor.data_location = onnx.TensorProto.EXTERNAL
        for key, value in (("location", WEIGHTS_FILE), ("offset", str(place["offset"])), ("length", str(place["length"]))):
            tensor.external_data.add(key=key, value=value)
        graph.graph.initializer.append(tensor)


def write(cfg: Config, root: Path, component: dict) -> dict:
    """Graphs and training sets into `root/training`; the manifest's section. `component` is the manifest's `model.unet`."""
    net = unet_stage.load(cfg)
    folder = root / "training"
    folder.mkdir(parents=True, exist_ok=True)
    profiles = []
    for profile in PROFILES:
        graph, rows, length = export_step(net, profile, component["externalData"]["tensors"])
        path = folder / f"{profile}.onnx"
        path.write_bytes(graph.SerializeToString(deterministic=True))
        ports = [[{"name": p.name, "dtype": "float32", "dims": [d.dim_value for d in p.type.tensor_type.shape.dim]} for p in side]
                 for side in (graph.graph.input, graph.graph.output)]
        lora = {"rank": RANK, "alpha": ALPHA} if profile == "lite" else None
        profiles.append({"profile": profile, "graph": file_entry(root, path), "length": length, "lora": lora, "parameters": rows,
                         "inputs": ports[0], "outputs": ports[1]})
        print(f"training {profile}: {length:,} parameters, {len(graph.graph.node)} nodes, {path.stat().st_size / 1e3:.0f} kB", flush=True)
    datasets, forbidden = training_data.write(cfg, root)
    return {"batchSize": BATCH, "captionDropout": CAPTION_DROPOUT, "optimiser": OPTIMISER, "profiles": profiles,
            "datasets": datasets, "forbidden": forbidden}


def main(cfg: Config) -> dict:
    """Add the training section to a pack that export/stage.py wrote."""
    torch.set_num_threads(1)
    root = PACKS / "pictogram" if not cfg.smoke or "--publish" in sys.argv else cfg.cache / "pack"
    path = root / "manifest.json"
    if not path.exists():
        raise SystemExit(f"There is no pack in {root.name}; run `python -m export.stage` first.")
    section = write(cfg, root, json.loads(path.read_text("utf8"))["model"]["unet"])
    # Read again: another stage may have written to the manifest in the meantime.
    manifest = json.loads(path.read_text("utf8"))
    manifest["training"] = section
    path.write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", "utf8")
    return manifest["training"]


if __name__ == "__main__":
    main(Config.make(smoke="--smoke" in sys.argv))
