"""Mixed precision for training on CPU: bfloat16 products, float32 attention and normalisation.

torch's bfloat16 flash attention has a backward pass eight times slower than in float32, and its group norm is four times
slower; with both kept in float32, a training step of the U-Net takes 0.6 of the float32 time (Zen 5, avx512_bf16).
"""

from __future__ import annotations

import torch
from torch.nn import functional as F

HALF = torch.cpu._is_avx512_bf16_supported()
"""Whether this processor multiplies in bfloat16; where it emulates that, a training step takes ten times as long."""


def half_precision() -> torch.autocast:
    """autocast to bfloat16 where the processor has it, float32 elsewhere."""
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=HALF)


def in_float32(function):
    """`function`, computed in float32 whatever autocast says."""
    def wrapped(*tensors, **options):
        with torch.autocast("cpu", enabled=False):
            return function(*(t.float() if torch.is_tensor(t) else t for t in tensors), **options)
    return wrapped


class Mixed:
    """Context of one forward pass: autocast to bfloat16 except where that is slower."""

    def __enter__(self):
        self.kept = F.scaled_dot_product_attention, F.group_norm
        F.scaled_dot_product_attention, F.group_norm = in_float32(self.kept[0]), in_float32(self.kept[1])
        self.cast = half_precision()
        self.cast.__enter__()

    def __exit__(self, *error):
        F.scaled_dot_product_attention, F.group_norm = self.kept
        return self.cast.__exit__(*error)
