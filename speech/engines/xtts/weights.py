"""The GPT's matrices: packed for a CPU, or its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

from torch import Tensor

from speech.engines.memory import give_back
from speech.engines.packed_linear import KINDS, Float32, check_precision
from speech.engines.threads import common_threads, use_threads
from speech.engines.xtts.gpt import Block, Gpt, Matmul
from speech.errors import SpeechError


class PackedMatrices:
    """Four matrices a block and the head's, which int8 leaves in float32.

    They are packed in threads of their own, while the rest is loaded; who asks for one that is not ready waits for it.
    `release` is called after each block, whose weights in the file are then not needed any more.
    """

    def __init__(self, gpt: Gpt, precision: str, release: Callable[[], None]) -> None:
        """Raises SpeechError `xtts_precision`."""
        check_precision(precision)
        kind = KINDS[precision]

        def packed(block: Block) -> Sequence[Matmul]:
            own = (block.attn.c_attn, block.attn.c_proj, block.mlp.c_fc, block.mlp.c_proj)
            made = [kind(one.weight.detach(), one.bias, "gelu" if one is block.mlp.c_fc else "none") for one in own]
            release()
            return made

        blocks = [block for block in gpt.gpt.h if isinstance(block, Block)]
        head = gpt.mel_head
        pool = self._pool = ThreadPoolExecutor(common_threads(), "xtts-packing", use_threads, (1,))
        self._blocks = [pool.submit(packed, block) for block in blocks]
        self._head = pool.submit(Float32, head.weight.detach().t(), head.bias)
        pool.submit(_tidy, [*self._blocks, self._head])
        pool.shutdown(wait=False)
        self.size_bytes = 12 * gpt.config.layers * gpt.config.width**2 * kind.dtype.itemsize + head.weight.nbytes

    @property
    def blocks(self) -> Iterator[Sequence[Matmul]]:
        return (block.result() for block in self._blocks)

    def head(self, hidden: Tensor) -> Tensor:
        return self._head.result()(hidden)

    def close(self) -> None:
        """Wait for what is still being packed: memory cannot be given back before."""
        self._pool.shutdown()


def _tidy(packing: Sequence[Future[Any]]) -> None:
    """What packing took besides goes back to the system: 150 MB at full size."""
    wait(packing)
    give_back()


class OwnMatrices:
    """The network's own, where there is nothing to pack for: fp32, or bf16 with sums of float32."""

    def __init__(self, gpt: Gpt, precision: str = "fp32") -> None:
        """Raises SpeechError `xtts_precision`."""
        if precision not in ("fp32", "bf16"):
            raise SpeechError("xtts_precision", precision=precision, choices=["fp32", "bf16"])
        blocks = [block for block in gpt.gpt.h if isinstance(block, Block)]
        if precision == "bf16":
            for block in blocks:
                block.attn.bfloat16()
                block.mlp.bfloat16()
        self.blocks = [block.matmuls() for block in blocks]
        self.head = gpt.mel_head
        self.size_bytes = sum(one.nbytes for one in (*gpt.gpt.parameters(), *gpt.mel_head.parameters()))

    def close(self) -> None:
        """Nothing of it goes on by itself."""
