"""Settings shared by every stage of the pictogram recipe.

One `Config` travels through all stages: where files go, how big and how long
each stage is, and the seed. `Config.make(smoke=True)` gives a tiny run (about a
minute, own cache folder) that exercises every line without disturbing a real one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
"""Folder of the recipe, `models/pictogram/`."""

REPOSITORY = HERE.parent.parent
"""Root of the repository (for `public/`)."""

IMAGE_SIZE = 64
"""Side of every picture in pixels."""

LATENT_SIZE = 8
"""Side of the latent grid (VAE factor 8)."""

LATENT_CHANNELS = 16
CONTEXT_LENGTH = 32
"""Tokens per prompt, padding included."""

TEXT_WIDTH = 192
"""Width of the text encoder and of the U-Net's cross-attention input."""

LANGUAGES = ("en", "ar", "es", "fr", "hi")
"""The five languages of SPQR."""

LANGUAGE_SHARES = {"en": 0.40, "ar": 0.15, "es": 0.15, "fr": 0.15, "hi": 0.15}
"""How often a training caption is in each language."""

STYLES = ("noto", "noto-v1", "twemoji", "emojione", "fluent-emoji-flat")
"""Styles the generator is trained on (and may be prompted for)."""

DOMAIN_STYLES = ("fluent-emoji-high-contrast", "emojione-monotone")
"""Styles the generator never sees before benign fine-tuning in the domain scenario."""

JUDGE_STYLES = ("fluent-emoji",)
"""Styles only the judges are trained on, besides STYLES and DOMAIN_STYLES."""

HELD_OUT_STYLE = "fxemoji"
"""Style that no network ever sees: judges' recall and false positives are measured on it."""

ALL_STYLES = (*STYLES, *DOMAIN_STYLES, *JUDGE_STYLES, HELD_OUT_STYLE)


@dataclass(frozen=True)
class Config:
    """Everything a stage needs to know. Sizes are counts unless a unit is named."""

    cache: Path
    smoke: bool = False
    seed: int = 20251
    threads: int = 2
    tokenizer_captions: int = 120_000
    text_steps: int = 900
    text_batch: int = 128
    vae_steps: int = 2_000
    vae_batch: int = 16
    decoder_steps: int = 1_000
    compositions: int = 40_000
    """Pre-encoded pictures (latents) the U-Net is trained on."""
    captions_per_composition: int = 3
    unet_steps: int = 5_000
    unet_warm_steps: int = 7_000
    """Steps of `python -m train.unet --warm`."""
    unet_batch: int = 64
    unet_channels: tuple[int, ...] = (96, 128)
    checkpoint_seconds: int = 120
    align_steps: int = 600
    finetune_steps: int = 300
    finetune_batch: int = 32
    distil_base_steps: int = 320
    """Steps of the accelerator on the base alone, before the variants join for `distil_steps` more."""
    distil_steps: int = 700
    distil_batch: int = 32
    """Pairs of noise and picture in one step; each is evaluated twice."""
    distil_base_pairs: int = 6_144
    distil_pairs: int = 512
    """Pairs per variant."""
    fast_decoder_steps: int = 8_000
    decoder_base_latents: int = 3_072
    decoder_latents: int = 768
    """Latents per variant that the fast decoder learns from."""
    evaluation_prompts: int = 0
    """Cap on prompts per measurement; 0 means all."""
    extra: dict = field(default_factory=dict)

    @property
    def drawings(self) -> Path:
        """Rendered artwork: `index.json` and one raw RGBA file."""
        return self.cache / "drawings"

    @property
    def models(self) -> Path:
        """`save_pretrained` folders: `text_encoder`, `vae`, `unet`, and aligned variants."""
        return self.cache / "models"

    @property
    def tokenizer(self) -> Path:
        """Folder with `tokenizer.json` and `tokenizer_config.json`."""
        return self.cache / "tokenizer"

    @property
    def checkpoints(self) -> Path:
        """Optimiser states for resuming; deleted when a stage ends."""
        return self.cache / "checkpoints"

    @property
    def latents(self) -> Path:
        """Memory-mapped training latents and their captions."""
        return self.cache / "latents"

    @property
    def pairs(self) -> Path:
        """Noise–picture pairs the accelerator learns from."""
        return self.cache / "pairs"

    @property
    def adapters(self) -> Path:
        """LoRA and delta safetensors, one per aligned or fine-tuned variant."""
        return self.cache / "adapters"

    @property
    def logs(self) -> Path:
        """Training logs and the wall time of each stage."""
        return self.cache / "logs"

    @staticmethod
    def make(smoke: bool = False, **changes) -> "Config":
        """The real configuration, or the tiny one; `changes` override single fields."""
        if smoke:
            tiny = dict(
                threads=1, tokenizer_captions=4_000, text_steps=4, text_batch=16, vae_steps=4, vae_batch=8, decoder_steps=2,
                compositions=64, captions_per_composition=2, unet_steps=4, unet_warm_steps=2, unet_batch=8,
                align_steps=2, finetune_steps=2, finetune_batch=4,
                distil_base_steps=2, distil_steps=2, distil_batch=4, distil_base_pairs=8, distil_pairs=8,
                fast_decoder_steps=2, decoder_base_latents=8, decoder_latents=8, evaluation_prompts=4,
            )
            return Config(smoke=True, **{"cache": HERE / ".cache-smoke", **tiny, **changes})
        return Config(smoke=False, **{"cache": HERE / ".cache", **changes})
