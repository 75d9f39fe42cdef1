"""The steps of ResAlign beside a reference in NumPy: `python -m align.resalign_check`.

A linear layer v = (W + Δ + B·A)·x takes the U-Net's place, so that every gradient can be written down by hand.
Five steps in float64, Δ begun anew before the fourth; β, ρ, both clips and both AdamW are those of align/resalign.py.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from align.resalign import Lookahead, ResAlignSettings, outer_step, retain_weight

WIDTH, OUT, RANK, ROWS, STEPS, RESTART = 6, 5, 2, 7, 5, 3
RATE, INNER_RATE = 3e-2, 2e-2


class Adam:
    """AdamW (Loshchilov and Hutter 2019) on one array: β 0.9 and 0.999, ε 1e-8, weight decay 1e-2."""

    def __init__(self, rate: float):
        self.rate, self.m, self.v, self.t = rate, 0.0, 0.0, 0

    def step(self, value: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        self.t += 1
        self.m = 0.9 * self.m + 0.1 * gradient
        self.v = 0.999 * self.v + 0.001 * gradient**2
        moved = (self.m / (1 - 0.9**self.t)) / (np.sqrt(self.v / (1 - 0.999**self.t)) + 1e-8)
        return value * (1 - 0.01 * self.rate) - self.rate * moved


def clipped(gradients: list[np.ndarray], limit: float) -> list[np.ndarray]:
    """Scaled so that their norm together is at most `limit`."""
    norm = np.sqrt(sum((g**2).sum() for g in gradients))
    return [g * min(1.0, limit / (norm + 1e-6)) for g in gradients]


def reference(weight, down, up, data, settings: ResAlignSettings) -> list[np.ndarray]:
    """W, A and B, and the three losses of every step, by hand."""
    def loss(matrix, x, t):
        return ((x @ matrix.T - t) ** 2).mean()

    def slope(matrix, x, t):
        return 2 * (x @ matrix.T - t).T @ x / t.size

    traces, outer = [], [Adam(RATE), Adam(RATE)]
    for step in range(STEPS):
        if step % RESTART == 0:
            delta, inner = np.zeros_like(weight), Adam(INNER_RATE)
        harmful, retain, benign = data[step]
        matrix = weight + up @ down
        tuned, = clipped([slope(matrix + delta, *benign) + settings.proximal * delta], 1.0)
        delta = inner.step(weight + delta, tuned) - weight
        far, near = slope(matrix + delta, *harmful), slope(matrix, *harmful)
        pulled = settings.resilience * far + (1 - settings.resilience) * near + retain_weight(settings, step) * slope(matrix, *retain)
        traces.append(np.array([loss(matrix, *harmful), loss(matrix + delta, *harmful), loss(matrix, *retain)]))
        a, b = clipped([up.T @ pulled, pulled @ down.T], settings.clip)
        down, up = outer[0].step(down, a), outer[1].step(up, b)
    return [weight, down, up, *traces]


def by_torch(weight, down, up, data, settings: ResAlignSettings) -> list[np.ndarray]:
    """The same by align/resalign.py."""
    w, a, b = (torch.nn.Parameter(torch.from_numpy(part.copy())) for part in (weight, down, up))

    def loss(x, t):
        return (torch.from_numpy(x) @ (w + b @ a).T - torch.from_numpy(t)).square().mean()

    ahead = Lookahead([w], INNER_RATE, settings.proximal)
    optimiser = torch.optim.AdamW([a, b], lr=RATE, weight_decay=1e-2)
    traces = []
    for step in range(STEPS):
        if step % RESTART == 0:
            ahead.restart()
        losses = [lambda part=part: loss(*part) for part in data[step]]
        traces.append(np.array(outer_step([a, b], ahead, losses, optimiser, settings, step)))
    return [*(part.detach().numpy() for part in (w, a, b)), *traces]


def main() -> None:
    """Compare, say passed or failed."""
    rng = np.random.default_rng(16302)
    settings = replace(ResAlignSettings(), steps=STEPS)
    start = [rng.standard_normal(shape) for shape in ((OUT, WIDTH), (RANK, WIDTH), (OUT, RANK))]
    data = [[(rng.standard_normal((ROWS, WIDTH)), rng.standard_normal((ROWS, OUT))) for _ in range(3)] for _ in range(STEPS)]
    pairs = list(zip(reference(*start, data, settings), by_torch(*start, data, settings)))
    worst = max(float(np.abs(one - two).max()) for one, two in pairs)
    moved = min(float(np.abs(one - two).max()) for one, two in zip(start[1:], [pairs[1][1], pairs[2][1]]))
    if worst > 1e-10 or moved < 1e-2 or not np.array_equal(pairs[0][1], start[0]):
        raise SystemExit(f"failed: ResAlign differs from its reference by {worst:.1e}, its adapter moved by {moved:.1e}")
    print(f"passed: ResAlign differs from its reference by {worst:.1e} after {STEPS} steps")


if __name__ == "__main__":
    main()
