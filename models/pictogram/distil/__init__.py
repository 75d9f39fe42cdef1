"""The accelerator: one adapter with which any variant draws a picture in two evaluations."""
