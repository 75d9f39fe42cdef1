"""The parts of a Stable Diffusion pipeline as exportable modules, named as browsers and optimum know them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from diffusers import AutoencoderKL, AutoencoderTiny, DiffusionPipeline, UNet2DConditionModel

from graph import with_forward

ROWS = 2
"""Rows of the tracing example; the exported batch is free."""


@dataclass
class Part:
    """A module, an example of its inputs, and the names of its outputs."""

    module: torch.nn.Module
    example: dict[str, torch.Tensor]
    outputs: list[str]


@dataclass(frozen=True)
class Types:
    """Element types at a part's ports. `inside` is the type of weights and arithmetic."""

    inside: torch.dtype = torch.float32
    floats: torch.dtype = torch.float32
    timestep: torch.dtype = torch.float32
    ids: torch.dtype = torch.int64


def _normal(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def text_encoder(pipeline: DiffusionPipeline, types: Types) -> Part:
    """input_ids → last_hidden_state (after the final layer norm, as Stable Diffusion reads it)."""
    model, length = pipeline.text_encoder, pipeline.tokenizer.model_max_length
    kind = type(model)

    def forward(self, input_ids):
        return kind.forward(self, input_ids=input_ids.long()).last_hidden_state.to(types.floats)

    ids = torch.randint(0, model.config.vocab_size, (ROWS, length), generator=torch.Generator().manual_seed(1))
    return Part(with_forward(model.to(types.inside), forward), {"input_ids": ids.to(types.ids)}, ["last_hidden_state"])


def unet(pipeline: DiffusionPipeline, types: Types) -> Part:
    """sample, timestep [1], encoder_hidden_states (+ timestep_cond for consistency models) → out_sample."""
    model = pipeline.unet
    config = model.config
    example = {
        "sample": _normal(2, ROWS, config.in_channels, config.sample_size, config.sample_size).to(types.floats),
        "timestep": torch.tensor([500]).to(types.timestep),
        "encoder_hidden_states": _normal(3, ROWS, pipeline.tokenizer.model_max_length, config.cross_attention_dim).to(types.floats),
    }
    inside, floats = types.inside, types.floats
    if config.time_cond_proj_dim is None:
        def forward(self, sample, timestep, encoder_hidden_states):
            return UNet2DConditionModel.forward(self, sample.to(inside), timestep, encoder_hidden_states.to(inside), return_dict=False)[0].to(floats)
    else:
        def forward(self, sample, timestep, encoder_hidden_states, timestep_cond):
            return UNet2DConditionModel.forward(
                self, sample.to(inside), timestep, encoder_hidden_states.to(inside), timestep_cond=timestep_cond.to(inside), return_dict=False)[0].to(floats)
        example["timestep_cond"] = _normal(4, ROWS, config.time_cond_proj_dim).to(types.floats)
    return Part(with_forward(model.to(inside), forward), example, ["out_sample"])


def vae_decoder(pipeline: DiffusionPipeline, types: Types) -> Part:
    """latent_sample, already divided by the scaling factor → sample in [−1, 1]."""
    model = pipeline.vae
    size = pipeline.unet.config.sample_size
    inside, floats = types.inside, types.floats
    if isinstance(model, AutoencoderTiny):
        def forward(self, latent_sample):
            return self.decoder(latent_sample.to(inside)).to(floats)
        unused = ("encoder",)
    else:
        def forward(self, latent_sample):
            latents = latent_sample.to(inside)
            return self.decoder(latents if self.post_quant_conv is None else self.post_quant_conv(latents)).to(floats)
        unused = ("encoder", "quant_conv")
    clone = with_forward(model.to(inside), forward)
    clone._modules = {name: part for name, part in clone._modules.items() if name not in unused}
    return Part(clone, {"latent_sample": _normal(5, ROWS, model.config.latent_channels, size, size).to(floats)}, ["sample"])


def vae_encoder(pipeline: DiffusionPipeline, types: Types) -> Part:
    """sample in [−1, 1] → latent_sample, the posterior's mean, not yet multiplied by the scaling factor."""
    model = pipeline.vae
    if not isinstance(model, AutoencoderKL):
        raise SystemExit("Only an AutoencoderKL has an encoder that fine-tuning can use.")
    size = pipeline.unet.config.sample_size * 2 ** (len(model.config.block_out_channels) - 1)
    inside, floats = types.inside, types.floats

    def forward(self, sample):
        moments = self.encoder(sample.to(inside))
        return (moments if self.quant_conv is None else self.quant_conv(moments)).chunk(2, dim=1)[0].to(floats)

    clone = with_forward(model.to(inside), forward)
    clone._modules = {name: part for name, part in clone._modules.items() if name not in ("decoder", "post_quant_conv")}
    return Part(clone, {"sample": _normal(6, ROWS, 3, size, size).to(floats)}, ["latent_sample"])


PARTS = {"text_encoder": text_encoder, "unet": unet, "vae_decoder": vae_decoder, "vae_encoder": vae_encoder}
