"""Guidance step by step: safe latent diffusion by diffusers' own pipeline code and by the paper's equations in NumPy,
SafeCtrl-style (the same, confined to a region) and SAFREE's projection by their equations in NumPy (float64). Tolerance 1e-5 relative.

Run: models/pictogram/.venv/bin/python tests/golden/guidance/make.py
"""
import json
from pathlib import Path

import diffusers
import numpy as np
import torch
from diffusers.pipelines.deprecated.stable_diffusion_safe.pipeline_stable_diffusion_safe import StableDiffusionPipelineSafe

SIZE, SCALE = 12, 7.5
# Paper, appendix: delta (of 50 steps), s_S, lambda, s_m, beta_m.
PRESETS = {"sld-weak": (15, 200, 0.0, 0.0, 0.0), "sld-medium": (10, 1000, 0.01, 0.3, 0.4),
           "sld-strong": (7, 2000, 0.025, 0.5, 0.7), "sld-max": (0, 5000, 1.0, 0.5, 0.7)}
random = np.random.RandomState(3)
EMPTY = random.randn(7, SIZE).astype(np.float32)
PROMPT = (EMPTY + random.randn(7, SIZE) * 10.0 ** random.randint(-4, 1, (7, SIZE))).astype(np.float32)
CONCEPT = (PROMPT + random.randn(7, SIZE) * 10.0 ** random.randint(-4, 1, (7, SIZE))).astype(np.float32)


def by_diffusers(preset, steps):
    delta, s, threshold, momentum_scale, beta = PRESETS[preset]
    warmup = int(delta * steps / 50 + 0.5)
    momentum, out = None, []
    for k in range(steps):
        empty, prompt, concept = (torch.from_numpy(x[k % 7]) for x in (EMPTY, PROMPT, CONCEPT))
        guidance, momentum = StableDiffusionPipelineSafe.perform_safety_guidance(
            None, True, momentum, prompt - empty, (prompt, empty, concept), k, s, warmup, threshold, momentum_scale, beta)
        out.append(empty + SCALE * guidance)
    return torch.stack(out).double().numpy()


def by_paper(preset, steps):
    delta, s, threshold, momentum_scale, beta = PRESETS[preset]
    nu, out = np.zeros(SIZE), []
    for k in range(steps):
        empty, prompt, concept = (x[k % 7].astype(np.float64) for x in (EMPTY, PROMPT, CONCEPT))
        phi = np.minimum(1, s * np.abs(prompt - concept))
        mu = np.where(prompt - concept < threshold, phi, 0)
        gamma = mu * (concept - empty) + momentum_scale * nu
        nu = beta * nu + (1 - beta) * gamma
        out.append(empty + SCALE * (prompt - empty - (gamma if k >= int(delta * steps / 50 + 0.5) else 0)))
    return np.array(out)


def region(empty, concept, share):
    """True in the `share` of the cells [n, cells] where the concept [n, channels, cells] changes most, half to even."""
    strength = np.linalg.norm(concept - empty, axis=1)
    least = np.sort(strength, axis=1)[:, ::-1][:, max(1, round(share * strength.shape[1])) - 1]
    return strength >= least[:, None]


def safectrl(channels, height, width, steps, share=0.25):
    """Safe latent diffusion at its strongest, gamma times M: the quarter of the cells where the concept changes most."""
    _, s, threshold, momentum_scale, beta = PRESETS["sld-max"]
    shape = (-1, channels, height * width)
    nu, out = np.zeros(SIZE).reshape(shape), []
    for k in range(steps):
        empty, prompt, concept = (x[k % 7].astype(np.float64).reshape(shape) for x in (EMPTY, PROMPT, CONCEPT))
        inside = region(empty, concept, share)[:, None]
        mu = np.where(prompt - concept < threshold, np.minimum(1, s * np.abs(prompt - concept)), 0)
        gamma = inside * (mu * (concept - empty) + momentum_scale * nu)
        nu = beta * nu + (1 - beta) * gamma
        out.append((empty + SCALE * (prompt - empty - gamma)).ravel())
    return np.array(out)


def halves():
    """Regions of ten cells: 2.5 and 3.5 of them are 2 and 4."""
    empty, concept = (x.ravel()[:80].astype(np.float64).reshape(4, 2, 10) for x in (EMPTY, CONCEPT))
    for share in (0.25, 0.35):
        yield {"share": share, "channels": 2, "height": 2, "width": 5,
               "inside": region(empty, concept, share).astype(int).tolist()}


def projector(rows):
    columns = rows.T
    return columns @ np.linalg.pinv(columns.T @ columns, rcond=1e-10) @ columns.T


def safree(prompt, positions, masked, concept, alpha):
    identity = np.eye(prompt.shape[1])
    away = identity - projector(concept)
    distance = np.linalg.norm(masked @ away.T, axis=1)
    others = np.array([np.delete(distance, i).mean() for i in range(len(distance))])
    triggers = ~(distance < (1 + alpha) * others)
    out = prompt.copy()
    for i, position in enumerate(positions):
        if triggers[i]:
            out[position] = away @ projector(masked) @ prompt[position]
    return out, triggers


def safree_cases():
    for name, length, d, tokens, phrases, alpha, repeat in [("plain", 12, 16, 6, 3, 0.01, False),
                                                            ("a phrase given twice", 10, 24, 5, 4, 0.01, True),
                                                            ("more tokens than dimensions", 14, 8, 12, 2, 0.05, False)]:
        prompt, masked, concept = (random.randn(n, d).astype(np.float32) for n in (length, tokens, phrases))
        masked = (masked * 0.3 + concept[0]).astype(np.float32)
        if repeat:
            concept[-1] = concept[0]
        positions = list(range(1, tokens + 1))
        out, triggers = safree(prompt.astype(np.float64), positions, masked.astype(np.float64), concept.astype(np.float64), alpha)
        assert 0 < triggers.sum() < tokens
        yield {"name": name, "d": d, "alpha": alpha, "positions": positions, "promptEmbeds": prompt.ravel().tolist(),
               "maskedPromptEmbeds": masked.ravel().tolist(), "conceptEmbeds": concept.ravel().tolist(),
               "expected": out.ravel().tolist(), "triggers": triggers.tolist()}


def rounded(value):
    if isinstance(value, float):
        return float(f"{value:.9g}")
    if isinstance(value, list):
        return [rounded(v) for v in value]
    return {k: rounded(v) for k, v in value.items()} if isinstance(value, dict) else value


sld = [{"preset": p, "steps": n, "diffusers": by_diffusers(p, n).tolist(), "paper": by_paper(p, n).tolist()}
       for p in PRESETS for n in (8, 50)]
out = {"diffusers": diffusers.__version__, "guidanceScale": SCALE, "tolerance": 1e-5, "unconditional": EMPTY.tolist(),
       "conditional": PROMPT.tolist(), "safety": CONCEPT.tolist(), "sld": sld, "safree": list(safree_cases()),
       "safectrl": [{"latent": {"channels": c, "height": h, "width": w}, "steps": 8, "paper": safectrl(c, h, w, 8).tolist()}
                    for c, h, w in ((3, 2, 2), (2, 1, 3))], "regions": list(halves())}
Path(__file__).with_name("guidance.json").write_text(json.dumps(rounded(out)) + "\n")
