"""The generator: tokenizer, text encoder, autoencoder, U-Net and how they are trained and sampled."""
