"""Alignments and benign fine-tunes of the generator, and the search for garbled prompts against them."""
