"""Engines: text to audio behind one protocol (`base`), listed in one place (`registry`), kept warm by `pool`."""
