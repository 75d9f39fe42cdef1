"""Every network of the pack as an exportable module: what is an input, what an output, what is left out."""

from __future__ import annotations

import copy

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import nn

from align import promptsafe
from config import CONTEXT_LENGTH, IMAGE_SIZE, LATENT_CHANNELS, LATENT_SIZE, TEXT_WIDTH
from export.graph import Exported, export_module, with_forward

SAMPLES = 3
"""Batch of the tracing example; the exported batch is free."""


def _ids(vocabulary: int) -> torch.Tensor:
    return torch.randint(0, vocabulary, (SAMPLES, CONTEXT_LENGTH), generator=torch.Generator().manual_seed(1))


def _pixels() -> torch.Tensor:
    return torch.randn(SAMPLES, 3, IMAGE_SIZE, IMAGE_SIZE, generator=torch.Generator().manual_seed(2))


def _latents() -> torch.Tensor:
    return torch.randn(SAMPLES, LATENT_CHANNELS, LATENT_SIZE, LATENT_SIZE, generator=torch.Generator().manual_seed(3))


class Case:
    """A module, an example of its inputs, and the names of its outputs."""

    def __init__(self, module: nn.Module, example: dict[str, torch.Tensor], outputs: list[str]):
        self.module, self.example, self.outputs = module.eval(), example, outputs

    def export(self) -> Exported:
        return export_module(self.module, self.example, self.outputs)


def text_encoder(model) -> Case:
    """transformers' CLIPTextModel: input_ids → last_hidden_state."""
    kind = type(model)

    def forward(self, input_ids):
        return kind.forward(self, input_ids=input_ids).last_hidden_state

    return Case(with_forward(model, forward), {"input_ids": _ids(model.config.vocab_size)}, ["last_hidden_state"])


def soft_text_encoder(model, count: int) -> Case:
    """The text encoder with `count` input embeddings of its own after BOS: input_ids, soft (batch, count, 192) → last_hidden_state."""
    def forward(self, input_ids, soft):
        return promptsafe.read(self, input_ids, soft)

    soft = torch.randn(SAMPLES, count, TEXT_WIDTH, generator=torch.Generator().manual_seed(5))
    return Case(with_forward(model, forward), {"input_ids": _ids(model.config.vocab_size), "soft": soft}, ["last_hidden_state"])


def unet(model: UNet2DConditionModel) -> Case:
    """sample, timestep (float, one per sample), encoder_hidden_states → out_sample."""

    def forward(self, sample, timestep, encoder_hidden_states):
        return UNet2DConditionModel.forward(self, sample, timestep, encoder_hidden_states, return_dict=False)[0]

    g = torch.Generator().manual_seed(4)
    example = {"sample": _latents(), "timestep": 1000 * torch.rand(SAMPLES, generator=g),
               "encoder_hidden_states": torch.randn(SAMPLES, CONTEXT_LENGTH, TEXT_WIDTH, generator=g)}
    return Case(with_forward(model, forward), example, ["out_sample"])


def vae_decoder(model: AutoencoderKL) -> Case:
    """latent_sample (already unscaled) → sample in [−1, 1]."""

    def forward(self, latent_sample):
        return self.decoder(self.post_quant_conv(latent_sample))

    clone = with_forward(model, forward)
    del clone.encoder, clone.quant_conv
    return Case(clone, {"latent_sample": _latents()}, ["sample"])


def vae_encoder(model: AutoencoderKL) -> Case:
    """sample in [−1, 1] → latent_sample, the posterior mean (not yet scaled)."""

    def forward(self, sample):
        return self.quant_conv(self.encoder(sample)).chunk(2, dim=1)[0]

    clone = with_forward(model, forward)
    del clone.decoder, clone.post_quant_conv
    return Case(clone, {"sample": _pixels()}, ["latent_sample"])


def safety_judge(judge: nn.Module) -> Case:
    """pixel_values → logits [batch, families], legible [batch, 1] (both before the sigmoid)."""
    return Case(copy.deepcopy(judge), {"pixel_values": _pixels()}, ["logits", "legible"])


class SharedTrunk(nn.Module):
    """A safety judge and an image tower that stand on the same trunk, as one graph: half the download."""

    def __init__(self, judge: nn.Module, tower: nn.Module):
        super().__init__()
        for (name, mine), theirs in zip(judge.net.trunk.state_dict().items(), tower.trunk.state_dict().values()):
            if not torch.equal(mine, theirs):
                raise SystemExit(f"The trunks of pictoguard-cnn and pictoclip differ in {name}; train pictoclip again.")
        self.judge, self.project = judge, copy.deepcopy(tower.project)

    def forward(self, pixel_values):
        features = self.judge.net.trunk(pixel_values)
        return *self.judge.read(self.judge.net.concept(features)), self.project(features)


def shared_trunk(judge: nn.Module, tower: nn.Module) -> Case:
    """pixel_values → logits, legible (as safety_judge) and image_embeds [batch, dimension]."""
    return Case(SharedTrunk(judge, tower), {"pixel_values": _pixels()}, ["logits", "legible", "image_embeds"])


def feature_net(net: nn.Module) -> Case:
    """pixel_values → features [batch, 64]."""

    def forward(self, pixel_values):
        return self.project(self.trunk(pixel_values))

    clone = with_forward(net, forward)
    del clone.concept
    return Case(clone, {"pixel_values": _pixels()}, ["features"])


def clip_text(tower: nn.Module) -> Case:
    """input_ids → text_embeds."""
    return Case(copy.deepcopy(tower), {"input_ids": _ids(tower.token.num_embeddings)}, ["text_embeds"])
