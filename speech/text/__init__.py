"""Written text made ready to be spoken: normalised, checked against the language, cut into sentences."""
