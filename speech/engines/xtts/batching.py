"""One decoding loop for everyone: utterances join and leave it between steps, and give their states as they come.

Continuous batching (https://www.usenix.org/conference/osdi22/presentation/yu): a step costs about the same for one row
as for eight, so nobody waits for somebody else's sentence to end. Free places go round the requests in turn, and the
last one only to a request that holds none, so that a book leaves room for a line.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from speech.engines.device import has_failed, is_out_of_memory, reason_of
from speech.engines.threads import common_threads, use_threads
from speech.engines.xtts.checkpoint import Checkpoint
from speech.engines.xtts.decoding import Decoder, Row, Utterance
from speech.engines.xtts.gpt import load_gpt
from speech.errors import SpeechError

__all__ = ["DecodingLoop", "LoopOptions", "Ticket", "Utterance", "load_loop"]


@dataclass(frozen=True)
class LoopOptions:
    """`slots` rows at once; the first block of each after `first_block` tokens, then one every `block`.

    Rows join with at most `joining_positions` of prompts a step (one always may), so that others hardly wait. They also
    wait while the weights with the keys and values that all might come to hold are more than `memory_bytes`; one
    always runs.
    """

    slots: int = 9
    first_block: int = 10
    block: int = 10
    joining_positions: int = 256
    threads: int | None = None  # that decoding may use, all by default; the vocoder's have their share of the cores
    memory_bytes: int | None = None
    idle_s: float = 10.0  # after which an idle loop's thread ends; the next submit starts one


class Ticket:
    """What was submitted, iterated once: hidden states (n, width) in blocks, as they are ready.

    Iterating raises the SpeechError that ended it, if one did. When it has ended, `ended_by` says how: "stop" by the
    network, "limit" by max_tokens or the network's own limit (its last words may be missing), or "cancel".
    It holds no more than its own states when nobody iterates it.
    """

    def __init__(self, loop: DecodingLoop, utterance: Utterance) -> None:
        self.utterance = utterance
        self.tokens: list[int] = []
        self.seed: int | None = utterance.sampling.seed
        self.ended_by: Literal["stop", "limit", "cancel"] | None = None
        self._loop = loop
        self._states: list[Tensor] = []
        self._blocks: deque[Tensor] = deque()
        self._error: SpeechError | None = None
        self._is_over = False
        self._changed = threading.Condition()

    def __iter__(self) -> Iterator[Tensor]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._blocks or self._is_over)
                if not self._blocks:
                    break
                block = self._blocks.popleft()
            yield block
        if self._error:
            raise self._error

    def cancel(self) -> None:
        """End it and free its place at once; nothing happens when it has ended. Any thread may."""
        self._loop.cancel(self)

    @property
    def is_over(self) -> bool:
        return self._is_over

    def add(self, token: int, state: Tensor, block: int) -> None:
        """A token and its state (width,); they are given when there are `block` of them."""
        with self._changed:
            if not self._is_over:
                self.tokens.append(token)
                self._states.append(state)
                if len(self._states) >= block:
                    self._give()

    def end(self, ended_by: Literal["stop", "limit", "cancel"] | None, error: SpeechError | None = None) -> None:
        """What is ready is given first, unless it is cancelled. The first end stays."""
        with self._changed:
            if not self._is_over:
                if ended_by == "cancel":
                    self._states.clear()
                    self._blocks.clear()
                self.ended_by, self._error, self._is_over = ended_by, error, True
                self._give()

    def _give(self) -> None:
        if self._states:
            self._blocks.append(torch.stack(self._states))
            self._states.clear()
        self._changed.notify_all()


class DecodingLoop:
    """Its thread starts with the first submit and ends with `close`, or when nothing came for a while."""

    def __init__(self, decoder: Decoder, options: LoopOptions = LoopOptions()) -> None:
        self._decoder = decoder
        self._options = options
        self._waiting: OrderedDict[str, deque[Ticket]] = OrderedDict()  # by request; the first is next in turn
        self._running: dict[Ticket, Row] = {}  # changed by the loop's thread alone, under the lock
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_closed = False

    @property
    def size_bytes(self) -> int:
        """Of the packed weights, and of the keys and values that are held now."""
        with self._changed:
            rows = [row.key_values for row in self._running.values()]
        return self._decoder.matrices.size_bytes + self._decoder.kept_bytes() + sum(row.size_bytes for row in rows)

    @property
    def precision(self) -> str:
        return self._decoder.precision

    def submit(self, utterance: Utterance) -> Ticket:
        """Take a turn. Raises SpeechError `engine_not_loaded` after `close`."""
        ticket = Ticket(self, utterance)
        with self._changed:
            if self._is_closed:
                raise SpeechError("engine_not_loaded", engine="xtts")
            self._waiting.setdefault(utterance.request_id, deque()).append(ticket)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="xtts-decoding", daemon=True)
                self._thread.start()
            self._changed.notify_all()
        return ticket

    def cancel(self, ticket: Ticket) -> None:
        ticket.end("cancel")
        with self._changed:
            queue = self._waiting.get(ticket.utterance.request_id)
            if queue and ticket in queue:
                queue.remove(ticket)
            self._drop_empty(ticket.utterance.request_id)
            self._changed.notify_all()

    def close(self) -> None:
        """Cancel everything and wait for the step under way, and for weights that are still being packed."""
        with self._changed:
            self._is_closed = True
            tickets = [*self._running, *(ticket for queue in self._waiting.values() for ticket in queue)]
            self._waiting.clear()
            thread = self._thread
            self._changed.notify_all()
        for ticket in tickets:
            ticket.end("cancel")
        if thread:
            thread.join()
        self._decoder.matrices.close()

    def counts(self) -> tuple[int, int]:
        """Rows in the loop, and utterances that wait for a place."""
        with self._changed:
            return len(self._running), sum(map(len, self._waiting.values()))

    def _run(self) -> None:
        use_threads(1)  # what several cores share, the matrices, they share as a team
        while self._has_work():
            self._start(self._joining())
            self._step([*self._running])
            self._leave()

    def _has_work(self) -> bool:
        """Waits for work; False ends the thread, which is then known to have ended."""
        with self._changed:
            self._changed.wait_for(lambda: self._running or self._waiting or self._is_closed, self._options.idle_s)
            if (self._running or self._waiting) and not self._is_closed:
                return True
            for ticket in self._running:  # what was joining when `close` looked is among them
                ticket.end("cancel")
            self._running.clear()
            self._thread = None
            return False

    def _joining(self) -> list[Ticket]:
        """Those whose turn it is, as many as there is room for."""
        joining: list[Ticket] = []
        positions = 0
        with self._changed:
            while request_id := self._next_request(joining):
                ticket = self._waiting[request_id][0]
                positions += len(ticket.utterance.text_ids)
                if joining and positions > self._options.joining_positions:
                    break
                if not self._has_memory([*self._running, *joining], ticket):
                    break
                joining.append(self._waiting[request_id].popleft())
                self._waiting.move_to_end(request_id)
                self._drop_empty(request_id)
        return joining

    def _has_memory(self, others: Sequence[Ticket], newcomer: Ticket) -> bool:
        most = self._options.memory_bytes
        if most is None or not others:
            return True
        rows = sum(self._decoder.most_bytes(ticket.utterance) for ticket in (*others, newcomer))
        return self._decoder.matrices.size_bytes + rows <= most

    def _next_request(self, joining: Sequence[Ticket]) -> str | None:
        free = self._options.slots - len(self._running) - len(joining)
        if free <= 0:
            return None
        held = {ticket.utterance.request_id for ticket in (*self._running, *joining)}
        is_last = free == 1 and self._options.slots > 1
        return next((name for name in self._waiting if not (is_last and name in held)), None)

    def _drop_empty(self, request_id: str) -> None:
        if request_id in self._waiting and not self._waiting[request_id]:
            del self._waiting[request_id]

    def _start(self, joining: Sequence[Ticket]) -> None:
        for ticket in joining:
            try:
                row = self._decoder.start(ticket.utterance)
            except Exception as error:
                ticket.end(None, _told(error))
            else:
                ticket.seed = row.seed
                with self._changed:
                    self._running[ticket] = row

    def _step(self, tickets: Sequence[Ticket]) -> None:
        """One step of all; should it fail as a whole, of each alone, so that only whose it is ends."""
        tickets = [ticket for ticket in tickets if not ticket.is_over]
        if not tickets:
            return
        try:
            made = self._decoder.step([self._running[ticket] for ticket in tickets])
        except Exception as error:
            if len(tickets) == 1:
                tickets[0].end(None, _told(error))
            else:
                for ticket in tickets:
                    self._step([ticket])
            return
        for ticket, state in zip(tickets, made):
            self._give(ticket, self._running[ticket], state)

    def _give(self, ticket: Ticket, row: Row, state: Tensor | SpeechError) -> None:
        if isinstance(state, SpeechError):
            ticket.end(None, state)
            return
        is_first = len(row.tokens) <= self._options.first_block
        ticket.add(row.tokens[-1], state, self._options.first_block if is_first else self._options.block)
        if row.ended_by:
            ticket.end(row.ended_by)

    def _leave(self) -> None:
        with self._changed:
            for ticket in [ticket for ticket in self._running if ticket.is_over]:
                del self._running[ticket]


def _told(error: Exception) -> SpeechError:
    """As the pool tells those of other threads."""
    if isinstance(error, SpeechError):
        return error
    if has_failed(error):
        return SpeechError("device_failed", engine="xtts", reason=reason_of(error))
    if is_out_of_memory(error):
        return SpeechError("xtts_no_memory", megabytes=0)
    return SpeechError("xtts_step_failed", reason=f"{type(error).__name__}: {error}")


def load_loop(
    checkpoint: Checkpoint, device: str = "cpu", precision: str = "fp32", options: LoopOptions = LoopOptions()
) -> DecodingLoop:
    """Raises SpeechError as `fill` does, and `xtts_precision`."""
    gpt = load_gpt(checkpoint.config, checkpoint.weights, device)
    return DecodingLoop(Decoder(gpt, precision, checkpoint.release, options.threads or common_threads()), options)
