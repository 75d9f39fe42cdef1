"""Architectures of the judges: a residual CNN, a patch transformer and a caption transformer.

All take pixel_values [batch, 3, 64, 64] (RGB / 255, then (x − mean) / std) or
input_ids [batch, 32]. None shares weights, architecture or seed with the generator.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions around a shortcut (He et al., 2015); `stride` halves the grid."""

    def __init__(self, width_in: int, width: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(width_in, width, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.short = nn.Conv2d(width_in, width, 1, stride) if (stride > 1 or width_in != width) else None

    def forward(self, x):
        y = F.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        return F.relu(y + (self.short(x) if self.short is not None else x))


class ResNet(nn.Module):
    """Small residual network → pooled features [batch, widths[-1]]."""

    def __init__(self, widths: tuple[int, ...] = (24, 48, 96, 160), patch: int = 2):
        super().__init__()
        self.stem = nn.Conv2d(3, widths[0], 2 * patch - 1, patch, patch - 1, bias=False)
        self.norm = nn.BatchNorm2d(widths[0])
        self.blocks = nn.ModuleList(ResidualBlock(a, b, 2) for a, b in zip(widths, widths[1:]))
        self.width = widths[-1]

    def forward(self, x):
        x = F.relu(self.norm(self.stem(x)))
        for block in self.blocks:
            x = block(x)
        return x.mean((2, 3))


class Block(nn.Module):
    """Pre-norm transformer block over tokens; `bias` [batch, 1, 1, tokens] hides some of them."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads, self.size = heads, width // heads
        self.norm1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.up = nn.Linear(width, 2 * width)
        self.down = nn.Linear(2 * width, width)

    def forward(self, x, bias=None):
        batch, tokens, width = x.shape
        q, k, v = self.qkv(self.norm1(x)).reshape(batch, tokens, 3, self.heads, self.size).permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(-1, -2) / self.size**0.5
        weights = torch.softmax(scores if bias is None else scores + bias, -1)
        x = x + self.out((weights @ v).transpose(1, 2).reshape(batch, tokens, width))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class PatchTransformer(nn.Module):
    """A convolutional stem to 8×8 tokens, then self-attention over them and attention pooling
    (compact convolutional transformer, Hassani et al., 2021) → pooled features."""

    def __init__(self, widths: tuple[int, ...] = (24, 48, 96), depth: int = 3, heads: int = 4):
        super().__init__()
        width = widths[-1]
        self.stem = nn.Conv2d(3, widths[0], 3, 2, 1, bias=False)
        self.stem_norm = nn.BatchNorm2d(widths[0])
        self.convs = nn.ModuleList(ResidualBlock(a, b, 2) for a, b in zip(widths, widths[1:]))
        self.position = nn.Parameter(torch.randn(64, width) * 0.02)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.attend = nn.Linear(width, 1)
        self.width = width

    def start_from(self, trunk: ResNet) -> None:
        """Copy the stem of a trained residual network and keep it: edges and colours need not be learnt twice."""
        self.stem.load_state_dict(trunk.stem.state_dict())
        self.stem_norm.load_state_dict(trunk.norm.state_dict())
        for mine, theirs in zip(self.convs, trunk.blocks):
            mine.load_state_dict(theirs.state_dict())
        for part in (self.stem, self.stem_norm, self.convs):
            part.requires_grad_(False)

    def forward(self, x):
        x = F.relu(self.stem_norm(self.stem(x)))
        for block in self.convs:
            x = block(x)
        x = x.flatten(2).transpose(1, 2) + self.position
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        return (torch.softmax(self.attend(x), 1) * x).sum(1)


class ConceptNet(nn.Module):
    """Concept logits [batch, concepts + 1]; the last class is "no drawing at all"."""

    def __init__(self, trunk: nn.Module, concepts: int):
        super().__init__()
        self.trunk = trunk
        self.drop = nn.Dropout(0.1)
        self.concept = nn.Linear(trunk.width, concepts + 1)

    def resize(self, classes: int) -> None:
        """Keep the first rows of the head, or add fresh ones, so that it has `classes`."""
        head = nn.Linear(self.trunk.width, classes)
        kept = min(classes, self.concept.out_features)
        with torch.no_grad():
            head.weight[:kept], head.bias[:kept] = self.concept.weight[:kept], self.concept.bias[:kept]
        self.concept = head

    def forward(self, pixel_values):
        return self.concept(self.drop(self.trunk(pixel_values)))


class Committee(nn.Module):
    """Several ConceptNets as one: their mean logits [batch, concepts + 1], the geometric mean of what they believe."""

    def __init__(self, nets: list[ConceptNet]):
        super().__init__()
        self.nets = nn.ModuleList(nets)

    def forward(self, pixel_values):
        return sum(net(pixel_values) for net in self.nets) / len(self.nets)


class SafetyJudge(nn.Module):
    """Family logits [batch, families] and a legibility logit [batch, 1] out of a ConceptNet or a Committee.

    sigmoid(family logit) is the probability mass of the family's concepts, sigmoid(legible)
    that of all concepts. `members` [concepts + 1, families] holds 0 and 1; `temperature` as in
    Guo et al., 2017. Reading families off concepts generalises better to unseen styles than a head of their own.
    """

    def __init__(self, net: ConceptNet | Committee, members: torch.Tensor, temperature: float):
        super().__init__()
        self.net = net
        real = torch.ones(len(members), 1)
        real[-1] = 0
        self.register_buffer("members", torch.cat([members, real], 1), persistent=False)
        self.temperature = temperature

    def forward(self, pixel_values):
        return self.read(self.net(pixel_values))

    def read(self, concepts: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Concept logits → family logits, legibility logit."""
        mass = torch.softmax(concepts / self.temperature, 1)
        inside, outside = mass @ self.members, mass @ (1 - self.members)
        odds = torch.log(inside + 1e-7) - torch.log(outside + 1e-7)
        return odds[:, :-1], odds[:, -1:]


class FeatureNet(nn.Module):
    """`features` [batch, dimension] in front of a concept classifier (training only)."""

    def __init__(self, trunk: nn.Module, dimension: int, concepts: int):
        super().__init__()
        self.trunk = trunk
        self.project = nn.Linear(trunk.width, dimension)
        self.concept = nn.Linear(dimension, concepts)

    def forward(self, pixel_values):
        features = self.project(self.trunk(pixel_values))
        return features, self.concept(F.relu(features))


class ImageTower(nn.Module):
    """pixel_values → image_embeds [batch, dimension], not normalised."""

    def __init__(self, trunk: nn.Module, dimension: int):
        super().__init__()
        self.trunk = trunk
        self.project = nn.Linear(trunk.width, dimension, bias=False)

    def forward(self, pixel_values):
        return self.project(self.trunk(pixel_values))


class TextTower(nn.Module):
    """input_ids [batch, 32] → text_embeds [batch, dimension]: mean of real tokens, not normalised."""

    def __init__(self, vocabulary: int, pad: int, dimension: int, width: int = 96, depth: int = 2, heads: int = 4, length: int = 32):
        super().__init__()
        self.pad = pad
        self.token = nn.Embedding(vocabulary, width)
        self.position = nn.Parameter(torch.randn(length, width) * 0.02)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.project = nn.Linear(width, dimension, bias=False)

    def forward(self, input_ids):
        real = (input_ids != self.pad).to(self.position.dtype)
        x = self.token(input_ids) + self.position
        bias = (1 - real)[:, None, None, :] * -1e4
        for block in self.blocks:
            x = block(x, bias)
        x = self.norm(x) * real[:, :, None]
        return self.project(x.sum(1) / real.sum(1, keepdim=True).clamp(min=1))
