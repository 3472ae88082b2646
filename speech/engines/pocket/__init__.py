"""Pocket TTS by Kyutai: the package pocket-tts and a folder of its weights as an engine."""
