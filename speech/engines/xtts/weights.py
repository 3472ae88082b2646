"""The GPT's matrices: packed for a CPU, or its own."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from statistics import median
from typing import Any

import torch
from torch import Tensor

from speech.engines.cores import LEAST_GAIN, Cores, most_cores
from speech.engines.memory import give_back
from speech.engines.packed_linear import AUTO, KINDS, Float32, Int8, check_precision, usable_precisions
from speech.engines.threads import common_threads, use_threads
from speech.engines.xtts.gpt import Block, Gpt, Matmul
from speech.errors import SpeechError

log = logging.getLogger(__name__)
TRIALS = 5  # of one block each way, in turn
LEAST_SHARED_S = 0.3e-3  # that one core takes for a block: of less, waiting for each other is the most


class PackedMatrices:
    """Four matrices a block and the head's, which int8 leaves in float32.

    `threads` cores share each product as long as that is faster; the first block says whether it is to begin with.

    They are packed in threads of their own, while the rest is loaded; who asks for one that is not ready waits for it.
    `release` is called after each block, whose weights in the file are then not needed any more.
    """

    def __init__(self, gpt: Gpt, precision: str, release: Callable[[], None], threads: int = 1) -> None:
        """Raises SpeechError `xtts_precision`."""
        check_precision(precision)
        blocks = [block for block in gpt.gpt.h if isinstance(block, Block)]
        self.precision = _fastest(blocks[0]) if precision == AUTO else precision
        kind = KINDS[self.precision]
        self._cores = _chosen_cores(blocks[0], kind, most_cores(threads))
        log.info("xtts_decoding precision=%s cores=%d of %d", self.precision, self._cores.count, self._cores.most)

        def packed(block: Block) -> Sequence[Matmul]:
            made = _packed(block, kind, self._cores)
            release()
            return made

        head = gpt.mel_head
        pool = self._pool = ThreadPoolExecutor(common_threads(), "xtts-packing", use_threads, (1,))
        self._blocks = [pool.submit(packed, block) for block in blocks]
        self._head = pool.submit(Float32, head.weight.detach().t(), head.bias, "none", self._cores)
        pool.submit(_tidy, [*self._blocks, self._head])
        pool.shutdown(wait=False)
        self.size_bytes = 12 * gpt.config.layers * gpt.config.width**2 * kind.dtype.itemsize + head.weight.nbytes

    @property
    def blocks(self) -> Iterator[Sequence[Matmul]]:
        return self._cores.tried((block.result() for block in self._blocks), len(self._blocks))

    def head(self, hidden: Tensor) -> Tensor:
        return self._head.result()(hidden)

    def close(self) -> None:
        """Wait for what is still being packed: memory cannot be given back before."""
        self._pool.shutdown()


def _packed(block: Block, kind: type[Float32] | type[Int8], cores: Cores) -> list[Matmul]:
    made: list[Matmul] = []
    for one in (block.attn.c_attn, block.attn.c_proj, block.mlp.c_fc, block.mlp.c_proj):
        weight, activation = one.weight.detach(), "gelu" if one is block.mlp.c_fc else "none"
        made.append(kind(weight, one.bias, activation, cores))
    return made


def _fastest(block: Block, choices: Sequence[str] = ()) -> str:
    """fp32, or bf16 where the processor has instructions for it and a block is faster with it.

    int8 is never chosen for somebody: it is heard in long texts.
    """
    names = [name for name in choices or usable_precisions() if name != "int8"]
    if len(names) < 2:
        return names[0]
    times = _times([_packed(block, KINDS[name], Cores()) for name in names], block)
    exact, *others = zip(times, names)
    seconds, name = min(others)
    return name if seconds < LEAST_GAIN * exact[0] else exact[1]


def _times(ways: Sequence[Sequence[Matmul]], block: Block) -> list[float]:
    """Median seconds of each way, tried in turn."""
    before = torch.get_num_threads()
    use_threads(1)
    try:
        rounds = [[_seconds(way, block) for way in ways] for _ in range(1 + TRIALS)][1:]
    finally:
        use_threads(before)
    return [median(times) for times in zip(*rounds)]


def _chosen_cores(block: Block, kind: type[Float32] | type[Int8], threads: int) -> Cores:
    """All cores, half or a quarter of them, with which a block is fastest; to begin with one, where that is faster."""
    sizes = [size for size in dict.fromkeys((threads, threads // 2, threads // 4)) if size > 1]
    if not sizes:
        return Cores()
    alone, *shared = _times([_packed(block, kind, Cores(count=size)) for size in (1, *sizes)], block)
    if alone < LEAST_SHARED_S:
        return Cores()
    fastest = min(range(len(sizes)), key=shared.__getitem__)
    return Cores(sizes[fastest], sizes[fastest] if shared[fastest] < LEAST_GAIN * alone else 1)


@torch.inference_mode()
def _seconds(matmuls: Sequence[Matmul], block: Block) -> float:
    """Of one row through the four matrices of a block."""
    attention_in, attention_out, up, down = matmuls
    x = torch.zeros(1, block.attn.c_attn.weight.shape[0])
    started = time.perf_counter()
    attention_in(x)
    down(up(attention_out(x)))
    return time.perf_counter() - started


def _tidy(packing: Sequence[Future[Any]]) -> None:
    """What packing took besides goes back to the system: 150 MB at full size."""
    wait(packing)
    give_back()


class OwnMatrices:
    """The network's own, where there is nothing to pack for: fp32, or bf16 with sums of float32."""

    def __init__(self, gpt: Gpt, precision: str = "fp32") -> None:
        """Raises SpeechError `xtts_precision`."""
        if precision not in (AUTO, "fp32", "bf16"):
            raise SpeechError("xtts_precision", precision=precision, choices=[AUTO, "fp32", "bf16"])
        self.precision = "fp32" if precision == AUTO else precision  # on a GPU nobody has measured the other
        blocks = [block for block in gpt.gpt.h if isinstance(block, Block)]
        if self.precision == "bf16":
            for block in blocks:
                block.attn.bfloat16()
                block.mlp.bfloat16()
        self.blocks = [block.matmuls() for block in blocks]
        self.head = gpt.mel_head
        self.size_bytes = sum(one.nbytes for one in (*gpt.gpt.parameters(), *gpt.mel_head.parameters()))

    def close(self) -> None:
        """Nothing of it goes on by itself."""
