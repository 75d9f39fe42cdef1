"""The pack: ONNX graphs, weights, adapters, training steps, manifest; reading it back."""
