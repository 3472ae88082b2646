"""XTTS-v2 in plain PyTorch: text and a few seconds of a voice to speech in 17 languages."""
