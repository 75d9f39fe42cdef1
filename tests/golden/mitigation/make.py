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


def surgery() -> np.ndarray:
    """W after five steps along benign gradients 10 + t without what works against anchor gradients 110 + t."""
    w, conflicts = noise(1, 5, 4), 0
    for t in range(STEPS):
        g, a = noise(10 + t, 5, 4), noise(110 + t, 5, 4)
        if (g * a).sum() < 0:
            conflicts += 1
            g = g - (g * a).sum() / (a * a).sum() * a
        w = w - RATE * g
    assert 0 < conflicts < STEPS
    return w


def freeze(parts: dict[str, tuple[int, ...]], percent: float) -> list[int]:
    """Rows with the largest share of Σg_safety² minus share of Σg_benign², over five gradients each; row numbers."""
    rows = {"s": [], "u": []}
    for i, shape in enumerate(parts.values()):
        for key, first in (("s", 200), ("u", 300)):
            squares = sum(noise(first + 10 * i + t, *shape) ** 2 for t in range(STEPS))
            rows[key].extend(squares.reshape(shape[0], -1).sum(1))
    s, u = (np.array(rows[key]) / np.sum(rows[key]) for key in ("s", "u"))
    return sorted(np.argsort(u - s, kind="stable")[: round(len(s) * percent / 100)].tolist())


def safe_lora(kind: str) -> tuple[float, np.ndarray]:
    """Cosine of CΔW and ΔW, and CΔW, for ΔW of five plain steps; V is of rank 2."""
    start, states = whole()
    delta = states[-1] - start
    v = noise(4, 5, 2) @ noise(5, 2, 4)
    v = v.astype(np.float32).astype(np.float64)
    if kind == "published":
        c = v @ v.T / np.linalg.norm(v)
    else:
        u, singular, _ = np.linalg.svd(v, full_matrices=False)
        u = u[:, singular > 1e-5 * singular[0]]
        c = u @ u.T
    projected = c @ delta
    return float((projected * delta).sum() / np.linalg.norm(projected) / np.linalg.norm(delta)), projected


def pair() -> dict[str, list[float]]:
    """latents and noise of an anchor x_t with target u at σ 0.75; they give both back."""
    x, u, sigma = noise(6, 20), noise(7, 20), 0.75
    latents, level = x - sigma * u, x + (1 - sigma) * u
    assert np.allclose((1 - sigma) * latents + sigma * level, x) and np.allclose(level - latents, u)
    return {"latents": latents.tolist(), "noise": level.tolist()}


def shaping() -> dict[str, list[float]]:
    """latents and noise of a row shaped with w 0.3 at σ 0.75: x_t stays, u' = w·u + (1 − w)·v."""
    latents, level, v, sigma, w = noise(60, 20), noise(61, 20), noise(7, 20), 0.75, 0.3
    x, u = (1 - sigma) * latents + sigma * level, level - latents
    u = w * u + (1 - w) * v
    shaped = {"latents": x - sigma * u, "noise": x + (1 - sigma) * u}
    assert np.allclose((1 - sigma) * shaped["latents"] + sigma * shaped["noise"], x)
    return {key: value.tolist() for key, value in shaped.items()}


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
        "surgery": flat(surgery()),
        "freeze": {"parts": {"one": [5, 4], "two": [3, 6]}, "rows": freeze(SHAPES, 40)},
        "safeLora": {k: {"cosine": safe_lora(k)[0], "projected": flat(safe_lora(k)[1])} for k in ("published", "projector")},
        "pair": pair(),
        "shaping": shaping(),
        "lora": {n: {
            "plain": flat(deltas[-1][n]), "ema": flat(mean([s[n] for s in deltas], np.zeros(SHAPES[n]))),
            "proximal": flat(lora(RHO)[-1][n]), "interpolate": flat(ALPHA * deltas[-1][n]),
        } for n in SHAPES},
    }
    pathlib.Path(__file__).with_name("golden.json").write_text(json.dumps(golden, indent=1) + "\n")


main()
