"""What a fine-tuning of XTTS-v2 is asked, and the sizes it goes by. Brings no PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

STRIDE = 1024  # samples a code
LEAST_S, MOST_S = 0.5, 11.6  # of a clip: as the reference trainer, whose longest is 255995 samples
MOST_TOKENS = 200  # of a text, as there
STOPS = 4  # stop tokens after the codes that the network learns to say, as there
# Layers of a block that get an adapter, by what a person asks for: more of them learn more and take more memory.
TARGETS: Mapping[str, tuple[str, ...]] = {
    "attention": ("attn.c_attn",),
    "attention_all": ("attn.c_attn", "attn.c_proj"),
    "all": ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"),
}
LEAST_PROMPT_S, MOST_PROMPT_S = 3.0, 6.0  # of what a row is conditioned on, as in the reference trainer


@dataclass(frozen=True)
class XttsOptions:
    """What is trained, and on what batches."""

    method: str = "lora"  # or "full": every weight of the decoder and of the conditioning encoder
    rank: int = 16  # of the adapters
    alpha: float = 32.0  # adapters are scaled by alpha / rank
    dropout: float = 0.05  # of what goes into an adapter
    targets: str = "attention_all"  # one of TARGETS
    rate: float = 1e-5  # the optimizer's, before the schedule
    batch_size: int = 2
    text_weight: float = 0.01  # of the text's cross-entropy
    audio_weight: float = 1.0
    recompute: bool = False  # gradient checkpointing: less memory, a third more time
    bucket: int = 8  # batches are of clips of like length within so many batches of a shuffled epoch; 1: not sorted
    seed: int = 0

    def __post_init__(self) -> None:
        if self.method not in ("lora", "full"):
            raise ValueError(f"method is lora or full, not {self.method!r}")
        if self.targets not in TARGETS:
            raise ValueError(f"targets is one of {sorted(TARGETS)}, not {self.targets!r}")
        if not 1 <= self.rank <= 256 or not 0 <= self.dropout < 1 or self.batch_size < 1:
            raise ValueError("rank is 1 to 256, dropout 0 to 1, batch_size at least 1")
