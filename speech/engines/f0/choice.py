"""Which methods of F0 there are, which is meant where none is named, and whether one can be used here.

Without PyTorch, so that whoever plans a conversion may ask; `methods.py` estimates.
"""

from __future__ import annotations

import importlib.util

from speech.errors import SpeechError
from speech.models import ModelStore

METHODS = ("fcpe", "rmvpe", "crepe", "harvest", "dio", "pm")  # the first is the converter's default
# The model of the catalogue and the file in it, of those that have weights.
WEIGHTS = {
    "fcpe": ("pitch-fcpe", "fcpe_c_v001.pt"),
    "rmvpe": ("pitch-rmvpe", "rmvpe.pt"),
    "crepe": ("pitch-crepe", "full.pth"),
}
BEST, OTHERWISE = "rmvpe", "fcpe"
WORLD = ("harvest", "dio")  # of pyworld
INSTALL_COMMAND = "pip install pyworld"


def check_method(method: str, store: ModelStore) -> None:
    """Whether an estimator would find what it needs here.

    Raises SpeechError `f0_method_missing` with the command that brings the package, `model_missing`.
    """
    if method in WORLD and importlib.util.find_spec("pyworld") is None:
        raise SpeechError("f0_method_missing", method=method, command=INSTALL_COMMAND)
    if method in WEIGHTS:
        store.path(WEIGHTS[method][0])


def default_method(store: ModelStore) -> str:
    """Where nobody names one: RMVPE as in the base API where its weights are here, else FCPE."""
    return BEST if store.is_installed(WEIGHTS[BEST][0]) else OTHERWISE
