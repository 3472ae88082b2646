"""F5-TTS (https://arxiv.org/abs/2410.06885) in plain PyTorch: clones a voice from seconds of speech and their words."""
