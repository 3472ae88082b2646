"""Kokoro, the embedded engine: phonemes, runtime on onnxruntime, stock voices, adapter."""
