"""Sessions of onnxruntime for sentences, whose lengths differ: memory is neither planned nor kept by length."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

NO_ENTRIES: Mapping[str, str] = MappingProxyType({})


def open_session(model: Path | bytes, threads: int, entries: Mapping[str, str] = NO_ENTRIES) -> Any:
    """An `InferenceSession` each of whose calls uses `threads` cores; `entries`: more of its configuration."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.enable_mem_pattern = False  # a plan of the memory for each length of a sentence, which are many
    for name, value in entries.items():
        options.add_session_config_entry(name, value)
    source = model if isinstance(model, bytes) else str(model)
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def run_options() -> Any:
    """Memory that a call took is given back after it: what was kept for the longest sentences was twice the weights. It
    costs no time that could be measured."""
    import onnxruntime

    options = onnxruntime.RunOptions()
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    return options
