"""The tokenizer: byte-level BPE over captions in five languages.

NFKC, lower case, split on spaces and punctuation, then bytes: nothing is unknown.
Only parts that both `tokenizers` and transformers.js implement alike are used.
"""

from __future__ import annotations

import json

import numpy as np
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from config import CONTEXT_LENGTH, LANGUAGES, Config
from storage import write_whole
from world.concepts import load_world
from world.dataset import caption, draw_language, sample
from world.templates import EVALUATION

VOCABULARY = 5_000
BOS, EOS, PAD = "<bos>", "<eos>", "<pad>"
"""Ids 0, 1, 2. EOS must not be id 2: CLIPTextModel treats that as a legacy case."""


def corpus(cfg: Config, art) -> list[str]:
    """Training captions, every name and keyword, and the words of the evaluation templates."""
    rng, concepts = np.random.default_rng((cfg.seed, 2)), load_world()
    lines = [caption(sample(rng, art, concepts), draw_language(rng), rng) for _ in range(cfg.tokenizer_captions // 4)]
    for language in LANGUAGES:
        for concept in concepts:
            lines += [concept.names[language]] * 10 + concept.keywords[language]
        lines += [t.replace("{}", " ") for t in EVALUATION[language]] * 10
    return lines


def train(cfg: Config, art) -> Tokenizer:
    """Fit the BPE merges; deterministic for a given corpus."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation("contiguous"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=[BOS, EOS, PAD], show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.train_from_iterator(corpus(cfg, art), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A {EOS}", special_tokens=[(BOS, 0), (EOS, 1)])
    return tokenizer


def main(cfg: Config) -> None:
    """Write `tokenizer/tokenizer.json` and `tokenizer_config.json`."""
    if (cfg.tokenizer / "tokenizer_config.json").exists():
        return
    from world.dataset import Artwork

    fast = PreTrainedTokenizerFast(
        tokenizer_object=train(cfg, Artwork(cfg)), bos_token=BOS, eos_token=EOS, pad_token=PAD,
        model_max_length=CONTEXT_LENGTH, padding_side="right", truncation_side="right", clean_up_tokenization_spaces=False)
    cfg.tokenizer.mkdir(parents=True, exist_ok=True)
    fast.save_pretrained(cfg.tokenizer)
    path = cfg.tokenizer / "tokenizer_config.json"
    settings = json.loads(path.read_text("utf8"))
    settings["tokenizer_class"] = "PreTrainedTokenizerFast"
    write_whole(path, lambda p: p.write_text(json.dumps(settings, indent=1, sort_keys=True) + "\n", "utf8"))
    print(f"tokenizer: {len(fast)} tokens", flush=True)


def load(cfg: Config) -> PreTrainedTokenizerFast:
    """The trained tokenizer."""
    return PreTrainedTokenizerFast.from_pretrained(cfg.tokenizer)


def encode(tokenizer: PreTrainedTokenizerFast, texts: list[str], length: int = CONTEXT_LENGTH):
    """Texts → int64 ids (n, length), padded and truncated (the last token stays EOS)."""
    return tokenizer(texts, padding="max_length", truncation=True, max_length=length, return_tensors="pt").input_ids


if __name__ == "__main__":
    main(Config.make())
