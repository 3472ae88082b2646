"""Fitting a Kokoro voice: corpus, prosody, adapters, their scale, and the report of what came of it."""
