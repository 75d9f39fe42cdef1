"""Trajectories of diffusers' schedulers on a toy model, step by step. Tolerance 1e-5 of each step's largest value.

The toy model answers bias[k mod 7] + 0.3 · (its input); biases, starting noise and the noise that ancestral and LCM
sampling add are stored, so that only the scheduler is compared.
Run: models/pictogram/.venv/bin/python tests/golden/schedulers/make.py
"""
import json
from pathlib import Path

import diffusers
import torch
from diffusers import schedulers as S
from diffusers.schedulers import scheduling_euler_ancestral_discrete as ancestral
from diffusers.schedulers import scheduling_lcm as lcm

SIZE = 6
SD = {"betaStart": 0.00085, "betaEnd": 0.012, "betaSchedule": "scaled_linear"}
NAMES = {"predictionType": "prediction_type", "numTrainTimesteps": "num_train_timesteps", "betaStart": "beta_start",
         "betaEnd": "beta_end", "betaSchedule": "beta_schedule", "timestepSpacing": "timestep_spacing",
         "stepsOffset": "steps_offset", "setAlphaToOne": "set_alpha_to_one", "clipSample": "clip_sample",
         "originalInferenceSteps": "original_inference_steps", "shift": "shift", "clipSampleRange": "clip_sample_range",
         "thresholding": "thresholding", "dynamicThresholdingRatio": "dynamic_thresholding_ratio",
         "sampleMaxValue": "sample_max_value", "timestepScaling": "timestep_scaling",
         "rescaleBetasZeroSnr": "rescale_betas_zero_snr", "finalSigma": "final_sigmas_type", "sigmaMin": "sigma_min",
         "sigmaMax": "sigma_max", "shiftTerminal": "shift_terminal"}
# Two pictures of three values: dynamic thresholding looks at each picture by itself.
PICTURES = 2
generator = torch.Generator().manual_seed(2)
START = torch.randn(SIZE, generator=generator)
BIAS = torch.randn(7, SIZE, generator=generator)
NOISE = torch.randn(5, SIZE, generator=generator)


def cases():
    epsilon, v = {"predictionType": "epsilon"}, {"predictionType": "v_prediction"}
    sd15 = {**SD, **epsilon, "stepsOffset": 1, "timestepSpacing": "leading"}
    sd2v = {**sd15, **v}
    flow = {"predictionType": "flow"}
    for steps in (1, 4, 8, 28):
        yield "FlowMatchEulerDiscreteScheduler", {**flow, "shift": 1.0}, steps
        yield "FlowMatchEulerDiscreteScheduler", {**flow, "shift": 3.0}, steps
        yield "FlowMatchEulerDiscreteScheduler", {**flow, "shift": 1.0, "timestepSpacing": "trailing"}, steps
    for steps in (1, 5, 20, 50):
        yield "DDIMScheduler", {**sd15, "setAlphaToOne": False, "clipSample": False}, steps
        yield "EulerDiscreteScheduler", sd15, steps
        yield "EulerAncestralDiscreteScheduler", sd15, steps
        yield "DPMSolverMultistepScheduler", sd15, steps
    for steps in (3, 16):
        for spacing in ("linspace", "trailing"):
            for kind in ("DDIMScheduler", "EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler", "DPMSolverMultistepScheduler"):
                yield kind, {**sd2v, "timestepSpacing": spacing}, steps
        yield "DPMSolverMultistepScheduler", {**sd2v, "predictionType": "sample"}, steps
        yield "DDIMScheduler", {**sd2v, "predictionType": "sample", "clipSample": True}, steps
        yield "EulerDiscreteScheduler", {**sd2v, "predictionType": "sample"}, steps
        yield "DPMSolverMultistepScheduler", {**flow, "shift": 1.0}, steps
        yield "DPMSolverMultistepScheduler", {**flow, "shift": 3.0}, steps
        yield "DDIMScheduler", {**epsilon, "betaStart": 0.0001, "betaEnd": 0.02, "betaSchedule": "linear"}, steps
        yield "EulerDiscreteScheduler", {**epsilon, "betaSchedule": "squaredcos_cap_v2"}, steps
    for steps in (1, 2, 4):
        for kind in ("EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler"):
            yield kind, {**SD, **epsilon, "timestepSpacing": "trailing"}, steps
        for prediction in ("epsilon", "v_prediction", "sample"):
            yield "LCMScheduler", {**SD, "predictionType": prediction, "originalInferenceSteps": 50, "setAlphaToOne": False}, steps
        yield "LCMScheduler", {**SD, **epsilon, "originalInferenceSteps": 100, "clipSample": True}, steps
    for steps in (1, 2, 3, 7, 25):
        for model in (sd15, sd2v, {**sd15, "timestepSpacing": "linspace"}, {**sd15, "timestepSpacing": "trailing", "setAlphaToOne": True}):
            yield "PNDMScheduler", model, steps
    yield from settings(sd15, sd2v, flow)


def settings(sd15, sd2v, flow):
    """What published small and distilled models set beside the schedule."""
    for steps in (1, 4, 17):
        for levels in ("karras", "exponential", "beta"):
            yield "EulerDiscreteScheduler", {**sd15, "sigmaSchedule": levels}, steps
            yield "EulerDiscreteScheduler", {**sd2v, "timestepSpacing": "trailing", "sigmaSchedule": levels}, steps
            yield "DPMSolverMultistepScheduler", {**sd15, "sigmaSchedule": levels}, steps
            yield "DPMSolverMultistepScheduler", {"predictionType": "epsilon", "betaSchedule": "squaredcos_cap_v2", "sigmaSchedule": levels}, steps
            yield "FlowMatchEulerDiscreteScheduler", {**flow, "shift": 3.0, "sigmaSchedule": levels}, steps
        yield "EulerDiscreteScheduler", {**sd15, "timestepSpacing": "linspace", "sigmaSchedule": "karras", "sigmaMin": 0.1, "sigmaMax": 9.0}, steps
        for kind in ("EulerDiscreteScheduler", "DPMSolverMultistepScheduler"):
            yield kind, {**sd15, "finalSigma": "sigma_min"}, steps
            yield kind, {**sd15, "finalSigma": "sigma_min", "sigmaSchedule": "karras"}, steps
        for kind in ("EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler", "DPMSolverMultistepScheduler"):
            yield kind, {**sd15, "timestepSpacing": "trailing", "rescaleBetasZeroSnr": True}, steps
            yield kind, {**sd2v, "timestepSpacing": "trailing", "rescaleBetasZeroSnr": True}, steps
        yield "DDIMScheduler", {**sd2v, "timestepSpacing": "trailing", "rescaleBetasZeroSnr": True, "clipSample": False}, steps
        yield "DDIMScheduler", {**sd2v, "clipSample": True, "clipSampleRange": 2.5}, steps
        for kind in ("DDIMScheduler", "DPMSolverMultistepScheduler", "LCMScheduler"):
            yield kind, {**sd15, "thresholding": True, "dynamicThresholdingRatio": 0.6, "sampleMaxValue": 2.0}, steps
            yield kind, {**sd2v, "thresholding": True}, steps
        yield "LCMScheduler", {**sd2v, "rescaleBetasZeroSnr": True}, steps
        yield "LCMScheduler", {**sd15, "timestepScaling": 1.0, "clipSample": True, "clipSampleRange": 0.7}, steps
        if steps > 1:
            yield "FlowMatchEulerDiscreteScheduler", {**flow, "shift": 2.0, "shiftTerminal": 0.1}, steps


def build(kind, config, steps):
    config = dict(config)
    levels = config.pop("sigmaSchedule", None)
    named = {NAMES[key]: value for key, value in config.items()}
    if levels:
        named[f"use_{levels}_sigmas"] = True
    if kind.startswith("FlowMatch"):
        own = {k: v for k, v in named.items() if k not in ("prediction_type", "timestep_spacing")}
        scheduler = S.FlowMatchEulerDiscreteScheduler(num_train_timesteps=1000, **own)
        if config.get("timestepSpacing") == "trailing":
            scheduler.set_timesteps(sigmas=torch.linspace(1, 1 / steps, steps).tolist())
        else:
            scheduler.set_timesteps(steps)
        return scheduler
    if config["predictionType"] == "flow":
        named = {"use_flow_sigmas": True, "prediction_type": "flow_prediction", "flow_shift": config["shift"]}
    if kind == "PNDMScheduler":
        named["skip_prk_steps"] = True
    scheduler = getattr(S, kind)(num_train_timesteps=1000, **named)
    scheduler.set_timesteps(steps)
    # Other levels may round to one timestep twice; diffusers then looks the first step up wrongly unless it is told.
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(0)
    return scheduler


def run(kind, config, steps):
    scheduler = build(kind, config, steps)
    draws = iter(range(1000))
    shape = (PICTURES, SIZE // PICTURES, 1)
    inject = lambda *args, **kwargs: NOISE[next(draws) % len(NOISE)].reshape(shape)
    ancestral.randn_tensor = lcm.randn_tensor = inject
    sample = START.reshape(shape) * scheduler.init_noise_sigma
    trajectory, inputs = [], []
    for k, t in enumerate(scheduler.timesteps):
        scaled = scheduler.scale_model_input(sample, t) if hasattr(scheduler, "scale_model_input") else sample
        inputs.append(scaled.flatten().tolist())
        sample = scheduler.step(BIAS[k % len(BIAS)].reshape(shape) + 0.3 * scaled, t, sample).prev_sample
        trajectory.append(sample.flatten().tolist())
    return {"config": {"type": kind, "numTrainTimesteps": 1000, **config}, "steps": steps,
            "timesteps": scheduler.timesteps.double().tolist(), "initNoiseSigma": float(getattr(scheduler, "init_noise_sigma", 1.0)),
            "firstInput": inputs[0], "trajectory": trajectory}


def rounded(value):
    """Eight significant digits hold a float32."""
    if isinstance(value, float):
        return float(f"{value:.8g}")
    if isinstance(value, list):
        return [rounded(v) for v in value]
    return {k: rounded(v) for k, v in value.items()} if isinstance(value, dict) else value


# FlowMatchEuler has no init_noise_sigma of its own: its pipelines start from unit noise.
S.FlowMatchEulerDiscreteScheduler.init_noise_sigma = 1.0
out = {"diffusers": diffusers.__version__, "tolerance": 1e-5, "pictures": PICTURES, "start": START.tolist(), "bias": BIAS.tolist(),
       "noise": NOISE.tolist(), "cases": [run(*case) for case in cases()]}
Path(__file__).with_name("trajectories.json").write_text(json.dumps(rounded(out)) + "\n")
