"""Golden data of the mitigations: five plain SGD steps on random gradients under every rule, in NumPy (float64).

Two layouts: `whole` weights W [5, 4], and a `lora` of rank 2 on weights [5, 4] and [3, 6] (scale α/r = 2). Weights,
gradients and the alignment come from `noise`, which the test computes alike, so only results are stored.
"""

import json
import pathlib

import numpy as np

STEPS, RATE, ETA, RHO, ALPHA, GAMMA, SCALE = 5, 0.1, 0.9, 2.0, 0.25, 0.7, 2.0
SHAPES = {"one": (5, 4), "two": (3, 6)}
RANK = 2


def noise(stream: int, *shape: int) -> np.ndarray:
    """Values in [-1.7, 1.7): murmur3's finaliser of stream·2²⁰ + index, scaled, in float32."""
    x = (np.arange(np.prod(shape), dtype=np.uint64) + np.uint64(stream) * np.uint64(1 << 20)).astype(np.uint32)
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    x = (x ^ (x >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    x = x ^ (x >> np.uint32(16))
    return ((x.astype(np.float64) / 2**32 - 0.5) * 3.4).astype(np.float32).astype(np.float64).reshape(shape)


def whole(rho: float = 0.0):
    """W after every step, from W₀ = noise 1, gradients noise 10 + t; proximal with ρ."""
    start = noise(1, 5, 4)
    w, states = start.copy(), []
    for t in range(STEPS):
        w = w - RATE * noise(10 + t, 5, 4)
        w = w - RATE * rho * (w - start)
        states.append(w.copy())
    return start, states


def lora(rho: float = 0.0):
    """ΔW of both weights after every step. A starts as noise, B as zero; proximal on ΔW is the same as on B."""
    factors = {n: [noise(20 + i, RANK, d), np.zeros((o, RANK))] for i, (n, (o, d)) in enumerate(SHAPES.items())}
    states = []
    for t in range(STEPS):
        for i, (n, (o, d)) in enumerate(SHAPES.items()):
            a, b = factors[n]
            a = a - RATE * noise(30 + 2 * t + i, RANK, d)
            b = b - RATE * noise(50 + 2 * t + i, o, RANK)
            before = SCALE * b @ a
            b = b * (1 - RATE * rho)
            assert np.allclose(SCALE * b @ a, before - RATE * rho * before)
            factors[n] = [a, b]
        states.append({n: SCALE * b @ a for n, (a, b) in factors.items()})
    return states


def mean(states, start):
    value = start
    for state in states:
        value = ETA * value + (1 - ETA) * state
    return value


def main() -> None:
    start, states = whole()
    deltas = lora()
    flat = lambda value: np.asarray(value).reshape(-1).tolist()
    golden = {
        "rate": RATE, "eta": ETA, "rho": RHO, "alpha": ALPHA, "gamma": GAMMA,
        "whole": {
            "plain": flat(states[-1]), "ema": flat(mean(states, start)), "proximal": flat(whole(RHO)[1][-1]),
            "interpolate": flat(start + ALPHA * (states[-1] - start)),
            "reAdd": flat(states[-1] - start + GAMMA * (noise(2, 5, 4) - noise(3, 5, 4))),
        },
        "lora": {n: {
            "plain": flat(deltas[-1][n]), "ema": flat(mean([s[n] for s in deltas], np.zeros(SHAPES[n]))),
            "proximal": flat(lora(RHO)[-1][n]), "interpolate": flat(ALPHA * deltas[-1][n]),
        } for n in SHAPES},
    }
    pathlib.Path(__file__).with_name("golden.json").write_text(json.dumps(golden, indent=1) + "\n")


main()
