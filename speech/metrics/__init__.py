"""Measures of speech: one a file, pure functions."""
