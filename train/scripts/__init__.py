"""Command lines around the stages: `python -m train.scripts.NAME --help`."""
