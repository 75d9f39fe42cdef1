"""Confidence intervals of measured rates."""

from __future__ import annotations

import math

Z = 1.959964
"""Normal quantile of a two-sided 95 % interval."""


def wilson(successes: int, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a rate."""
    p, z2 = successes / n, Z * Z
    centre, spread = (p + z2 / (2 * n)) / (1 + z2 / n), Z / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    return round(float(max(0.0, centre - spread)), 4), round(float(min(1.0, centre + spread)), 4)
