"""Inception-2015, the feature network of FID: from the original weights to ONNX, on your machine.

    python models/judges/inception.py WEIGHTS.pth OUT [--preprocessing clean-fid|torch-fidelity]

WEIGHTS is pt_inception-2015-12-05-6726825d.pth, the PyTorch port of the TensorFlow graph that FID was defined with
(released by the pytorch-fid project). The graph takes [n, 3, 299, 299] scaled to (x - 128)/128 and gives the 2,048
features before the classifier. It is InceptionV3 (Szegedy et al., CVPR 2016) with the graph's own peculiarities: average
pools that leave the padding out of their count, and a maximum pool in the last block.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from files import check, export, graph_entry, run, write_judge

SIDE = 299


class Conv(nn.Module):
    """Convolution without bias, batch norm (ε 1e-3), ReLU; parameter names as in the published weights."""

    def __init__(self, inputs: int, outputs: int, kernel, stride=1, padding=0):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=0.001)

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)))


def average(x):
    return F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)


class BlockA(nn.Module):
    """35 × 35: 1×1, 5×5, double 3×3 and pooled branches."""

    def __init__(self, inputs: int, pooled: int, w):
        super().__init__()
        self.branch1x1 = Conv(inputs, w(64), 1)
        self.branch5x5_1, self.branch5x5_2 = Conv(inputs, w(48), 1), Conv(w(48), w(64), 5, padding=2)
        self.branch3x3dbl_1, self.branch3x3dbl_2 = Conv(inputs, w(64), 1), Conv(w(64), w(96), 3, padding=1)
        self.branch3x3dbl_3 = Conv(w(96), w(96), 3, padding=1)
        self.branch_pool = Conv(inputs, w(pooled), 1)

    def forward(self, x):
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch1x1(x), self.branch5x5_2(self.branch5x5_1(x)), double, self.branch_pool(average(x))], 1)


class BlockB(nn.Module):
    """35 → 17."""

    def __init__(self, inputs: int, w):
        super().__init__()
        self.branch3x3 = Conv(inputs, w(384), 3, 2)
        self.branch3x3dbl_1, self.branch3x3dbl_2 = Conv(inputs, w(64), 1), Conv(w(64), w(96), 3, padding=1)
        self.branch3x3dbl_3 = Conv(w(96), w(96), 3, 2)

    def forward(self, x):
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch3x3(x), double, F.max_pool2d(x, 3, 2)], 1)


class BlockC(nn.Module):
    """17 × 17 with 7-tap rows and columns."""

    def __init__(self, inputs: int, inner: int, w):
        super().__init__()
        c, out, row, column = w(inner), w(192), dict(kernel=(1, 7), padding=(0, 3)), dict(kernel=(7, 1), padding=(3, 0))
        self.branch1x1 = Conv(inputs, out, 1)
        self.branch7x7_1, self.branch7x7_2, self.branch7x7_3 = Conv(inputs, c, 1), Conv(c, c, **row), Conv(c, out, **column)
        self.branch7x7dbl_1, self.branch7x7dbl_2 = Conv(inputs, c, 1), Conv(c, c, **column)
        self.branch7x7dbl_3, self.branch7x7dbl_4 = Conv(c, c, **row), Conv(c, c, **column)
        self.branch7x7dbl_5 = Conv(c, out, **row)
        self.branch_pool = Conv(inputs, out, 1)

    def forward(self, x):
        single = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        double = self.branch7x7dbl_5(self.branch7x7dbl_4(self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))))
        return torch.cat([self.branch1x1(x), single, double, self.branch_pool(average(x))], 1)


class BlockD(nn.Module):
    """17 → 8."""

    def __init__(self, inputs: int, w):
        super().__init__()
        self.branch3x3_1, self.branch3x3_2 = Conv(inputs, w(192), 1), Conv(w(192), w(320), 3, 2)
        self.branch7x7x3_1, self.branch7x7x3_2 = Conv(inputs, w(192), 1), Conv(w(192), w(192), (1, 7), padding=(0, 3))
        self.branch7x7x3_3, self.branch7x7x3_4 = Conv(w(192), w(192), (7, 1), padding=(3, 0)), Conv(w(192), w(192), 3, 2)

    def forward(self, x):
        seven = self.branch7x7x3_4(self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x))))
        return torch.cat([self.branch3x3_2(self.branch3x3_1(x)), seven, F.max_pool2d(x, 3, 2)], 1)


class BlockE(nn.Module):
    """8 × 8 with split 3×3; the last of the two pools by maximum."""

    def __init__(self, inputs: int, maximum: bool, w):
        super().__init__()
        row, column = dict(kernel=(1, 3), padding=(0, 1)), dict(kernel=(3, 1), padding=(1, 0))
        self.branch1x1 = Conv(inputs, w(320), 1)
        self.branch3x3_1 = Conv(inputs, w(384), 1)
        self.branch3x3_2a, self.branch3x3_2b = Conv(w(384), w(384), **row), Conv(w(384), w(384), **column)
        self.branch3x3dbl_1, self.branch3x3dbl_2 = Conv(inputs, w(448), 1), Conv(w(448), w(384), 3, padding=1)
        self.branch3x3dbl_3a, self.branch3x3dbl_3b = Conv(w(384), w(384), **row), Conv(w(384), w(384), **column)
        self.branch_pool = Conv(inputs, w(192), 1)
        self.maximum = maximum

    def forward(self, x):
        three, double = self.branch3x3_1(x), self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        pooled = F.max_pool2d(x, 3, 1, 1) if self.maximum else average(x)
        return torch.cat([
            self.branch1x1(x), self.branch3x3_2a(three), self.branch3x3_2b(three), self.branch3x3dbl_3a(double),
            self.branch3x3dbl_3b(double), self.branch_pool(pooled)], 1)


class Inception(nn.Module):
    """[n, 3, 299, 299], (x - 128)/128 → features [n, 2048·width]. `divisor` narrows every layer, for miniatures."""

    def __init__(self, divisor: int = 1):
        super().__init__()

        def w(channels: int) -> int:
            return channels // divisor

        a, c, d, e = 4 * w(64), 4 * w(192), 4 * w(192), w(320) + w(192) + 4 * w(192)
        self.Conv2d_1a_3x3, self.Conv2d_2a_3x3 = Conv(3, w(32), 3, 2), Conv(w(32), w(32), 3)
        self.Conv2d_2b_3x3, self.Conv2d_3b_1x1 = Conv(w(32), w(64), 3, padding=1), Conv(w(64), w(80), 1)
        self.Conv2d_4a_3x3 = Conv(w(80), w(192), 3)
        self.Mixed_5b = BlockA(w(192), 32, w)
        inner = w(64) + w(64) + w(96) + w(32)
        self.Mixed_5c = BlockA(inner, 64, w)
        inner = w(64) + w(64) + w(96) + w(64)
        self.Mixed_5d = BlockA(inner, 64, w)
        self.Mixed_6a = BlockB(inner, w)
        inner = w(384) + w(96) + inner
        for name, channels in (("6b", 128), ("6c", 160), ("6d", 160), ("6e", 192)):
            setattr(self, f"Mixed_{name}", BlockC(inner, channels, w))
            inner = 4 * w(192)
        self.Mixed_7a = BlockD(inner, w)
        inner = w(320) + w(192) + inner
        self.Mixed_7b = BlockE(inner, False, w)
        inner = w(320) + 4 * w(384) + w(192)
        self.Mixed_7c = BlockE(inner, True, w)
        self.dimension = inner

    def forward(self, pixel_values):
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(pixel_values)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(F.max_pool2d(x, 3, 2)))
        x = F.max_pool2d(x, 3, 2)
        for name in ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c"):
            x = getattr(self, f"Mixed_{name}")(x)
        return x.mean((2, 3))


def export_inception(network: Inception, out: Path, judge: dict) -> None:
    """Writes graph and manifest.json, checked against PyTorch on a seeded batch of two sizes."""
    path = out / "model.onnx"
    example = torch.rand(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1)) * 2 - 1
    export(network, {"pixel_values": example}, path, ["features"], {"pixel_values": [0]})
    with torch.no_grad():
        for batch in (example, example[:1]):
            check("Inception", run(path, {"pixel_values": batch})["features"], network(batch))
    write_judge(out, {**judge, "axis": "Q", "kind": "features", "model": graph_entry(out, path), "dimension": network.dimension, "reference": None, "bounds": []})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--preprocessing", choices=["clean-fid", "torch-fidelity"], default="clean-fid")
    args = parser.parse_args()
    state = torch.load(args.weights, map_location="cpu", weights_only=True)
    network = Inception().eval()
    # The published file also holds the classifier and its auxiliary head, which features do not pass.
    missing, extra = network.load_state_dict(state, strict=False)
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if missing or any(not name.startswith(("fc.", "AuxLogits.")) for name in extra):
        raise SystemExit(f"{args.weights} is not Inception-2015: it lacks {missing[:3]} and has {extra[:3]}.")
    export_inception(network, args.out, {
        "id": f"inception-2015-{args.preprocessing}", "title": f"Inception-2015 features, {args.preprocessing}", "licence": "Apache-2.0",
        "source": "pytorch-fid: pt_inception-2015-12-05-6726825d.pth", "preprocessing": {"mode": args.preprocessing}})


if __name__ == "__main__":
    main()
