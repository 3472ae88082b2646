"""One loop for everyone: nobody's words change, nobody waits for good, nothing is left behind."""

from __future__ import annotations

import gc
import random
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from speech.engines.xtts.batching import DecodingLoop, LoopOptions, Ticket, load_loop  # noqa: E402
from speech.engines.xtts.checkpoint import Checkpoint, Latents  # noqa: E402
from speech.engines.xtts.decoding import Decoder, Utterance  # noqa: E402
from speech.engines.xtts.gpt import load_gpt  # noqa: E402
from speech.engines.xtts.sampling import SamplingOptions  # noqa: E402
from speech.errors import SpeechError  # noqa: E402

SMALL = LoopOptions(slots=4, first_block=3, block=5, threads=1)
GREEDY = SamplingOptions(do_sample=False)


@pytest.fixture(scope="module")
def decoder(checkpoint: Checkpoint) -> Decoder:
    return Decoder(load_gpt(checkpoint.config, checkpoint.weights))


@pytest.fixture
def loop(decoder: Decoder) -> Iterator[DecodingLoop]:
    made = DecodingLoop(decoder, SMALL)
    yield made
    made.close()


def utterance(voice: Latents, seed: int, request_id: str = "one", most: int = 20) -> Utterance:
    """A text, a way to choose and a length that differ with `seed`."""
    draw = random.Random(seed)
    text_ids = tuple(draw.randrange(10, 250) for _ in range(draw.randrange(1, 40)))
    sampling = SamplingOptions(seed=seed, temperature=draw.uniform(0.3, 1.5), do_sample=draw.random() < 0.9)
    return Utterance(text_ids, voice, sampling, request_id, draw.randrange(1, most + 1))


def heard(ticket: Ticket) -> torch.Tensor:
    return torch.cat(list(ticket))


def bytes_of_tensors() -> int:
    """Of all that this process holds, each storage counted once."""
    gc.collect()
    alive = [
        one
        for one in gc.get_objects()
        if type(one) in (torch.Tensor, torch.nn.Parameter) and one.layout is torch.strided
    ]
    return sum({one.untyped_storage().data_ptr(): one.untyped_storage().nbytes() for one in alive}.values())


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_two_hundred_pairs_are_each_what_they_are_alone(loop: DecodingLoop, voices: list[Latents]) -> None:
    wanted = [utterance(voices[seed % 3], seed) for seed in range(40)]
    alone = []
    for one in wanted:
        ticket = loop.submit(one)
        alone.append((heard(ticket), ticket.tokens))
    draw = random.Random(0)
    for pair in range(200):
        chosen = draw.sample(range(len(wanted)), 2)
        tickets = [loop.submit(wanted[number]) for number in chosen]
        for number, ticket in zip(chosen, tickets):
            states = heard(ticket)
            assert ticket.tokens == alone[number][1], (pair, number)
            torch.testing.assert_close(states, alone[number][0], atol=1e-5, rtol=0)


def test_blocks_come_early_and_then_evenly(loop: DecodingLoop, voices: list[Latents]) -> None:
    ticket = loop.submit(Utterance((11, 12), voices[0], GREEDY, "one", max_tokens=15, min_tokens=15))
    assert [tuple(block.shape) for block in ticket] == [(3, 64), (5, 64), (5, 64), (2, 64)]
    assert (ticket.ended_by, len(ticket.tokens)) == ("limit", 15)


def test_a_seed_is_drawn_and_told(loop: DecodingLoop, voices: list[Latents]) -> None:
    first, second = (
        loop.submit(Utterance((9, 9, 9), voices[0], SamplingOptions(temperature=2.0), "one", 20, 20)) for _ in range(2)
    )
    assert not torch.equal(heard(first), heard(second))
    again = loop.submit(
        Utterance((9, 9, 9), voices[0], SamplingOptions(temperature=2.0, seed=first.seed), "one", 20, 20)
    )
    heard(again)
    assert again.tokens == first.tokens


def test_fifty_clients_that_hang_up_leave_nothing(loop: DecodingLoop, decoder: Decoder, voices: list[Latents]) -> None:
    def client(seed: int) -> None:
        draw = random.Random(seed)
        one = utterance(voices[seed % 3], seed, request_id=str(seed), most=60)
        ticket = loop.submit(one)
        left = draw.randrange(0, 4)
        for number, _ in enumerate(ticket):
            if number == left:
                break
        ticket.cancel()

    sizes = []
    for _ in range(4):
        clients = [threading.Thread(target=client, args=(seed,)) for seed in range(50)]
        for thread in clients:
            thread.start()
        for thread in clients:
            thread.join()
        until(lambda: loop.counts() == (0, 0))
        sizes.append(bytes_of_tensors())
    assert max(sizes[1:]) <= sizes[0] > 0
    assert not loop._waiting and not loop._running
    assert len(heard(loop.submit(utterance(voices[0], 1)))) > 0


def test_a_cancelled_one_leaves_at_once_and_gives_nothing_more(loop: DecodingLoop, voices: list[Latents]) -> None:
    long = Utterance((20,), voices[0], GREEDY, "book", 600, 600)
    tickets = [loop.submit(long) for _ in range(6)]
    next(iter(tickets[0]))
    for ticket in tickets[1:]:
        ticket.cancel()
    until(lambda: loop.counts() == (1, 0))
    tickets[0].cancel()
    assert list(tickets[0]) == [] and tickets[0].ended_by == "cancel"
    tickets[0].cancel()
    until(lambda: loop.counts() == (0, 0))


def test_a_line_is_spoken_while_a_book_is(loop: DecodingLoop, voices: list[Latents]) -> None:
    book = [loop.submit(Utterance((20,), voices[0], GREEDY, "book", 300, 300)) for _ in range(12)]
    next(iter(book[0]))
    assert loop.counts() == (3, 9)  # the last of four places is not for one that holds others
    line = loop.submit(Utterance((30,), voices[1], GREEDY, "line", 10, 10))
    assert len(heard(line)) == 10
    assert not any(ticket.is_over for ticket in book)
    for ticket in book:
        ticket.cancel()


def test_requests_take_turns(decoder: Decoder, voices: list[Latents]) -> None:
    loop = DecodingLoop(decoder, LoopOptions(slots=1, threads=1))
    first = loop.submit(Utterance((20,), voices[0], GREEDY, "zero", 100, 100))
    until(lambda: loop.counts() == (1, 0))
    tickets = {
        (name, number): loop.submit(Utterance((20,), voices[0], GREEDY, name, 5, 5))
        for name in ("book", "line")
        for number in range(3)
    }
    order: list[tuple[str, int]] = []
    ended = threading.Condition()

    def wait(key: tuple[str, int]) -> None:
        heard(tickets[key])
        with ended:
            order.append(key)

    threads = [threading.Thread(target=wait, args=(key,)) for key in tickets]
    for thread in threads:
        thread.start()
    heard(first)
    for thread in threads:
        thread.join()
    loop.close()
    half = {name for name, _ in order[:2]}
    assert half == {"book", "line"} and {number for _, number in order[:2]} == {0}


def test_one_that_nobody_reads_holds_up_nobody(loop: DecodingLoop, voices: list[Latents]) -> None:
    unread = loop.submit(Utterance((20,), voices[0], GREEDY, "unread", 50, 50))
    assert len(heard(loop.submit(Utterance((20,), voices[0], GREEDY, "read", 60, 60)))) == 60
    until(lambda: unread.is_over)
    assert len(heard(unread)) == 50


def test_an_error_ends_only_whose_it_is(loop: DecodingLoop, voices: list[Latents]) -> None:
    good = loop.submit(Utterance((20,), voices[0], GREEDY, "good", 200, 200))
    hollow = Latents(voices[0].gpt * torch.inf, voices[0].speaker)
    refused = {
        "xtts_text_tokens": loop.submit(Utterance((10**6,), voices[0], GREEDY, "bad", 5)),
        "xtts_latents": loop.submit(Utterance((20,), hollow, GREEDY, "bad", 5)),
        "xtts_max_tokens": loop.submit(Utterance((20,), voices[0], GREEDY, "bad", 0)),
    }
    for code, ticket in refused.items():
        with pytest.raises(SpeechError) as caught:
            heard(ticket)
        assert caught.value.code == code and ticket.ended_by is None
    assert len(heard(good)) == 200


def test_one_that_gets_no_memory_ends_alone(
    loop: DecodingLoop, voices: list[Latents], monkeypatch: pytest.MonkeyPatch
) -> None:
    from speech.engines.xtts.decoding import KeyValues

    whole = KeyValues._grow

    def short_of_memory(self: KeyValues, positions: int) -> None:
        if self.length + positions > 128:
            raise MemoryError
        whole(self, positions)

    monkeypatch.setattr(KeyValues, "_grow", short_of_memory)
    long = loop.submit(Utterance((20,), voices[0], GREEDY, "long", 200, 200))
    short = loop.submit(Utterance((20,), voices[0], GREEDY, "short", 60, 60))
    assert len(heard(short)) == 60
    with pytest.raises(SpeechError) as caught:
        heard(long)
    assert caught.value.code == "xtts_no_memory" and 80 < len(long.tokens) < 128


def test_a_step_that_breaks_is_done_again_row_by_row(
    loop: DecodingLoop, decoder: Decoder, voices: list[Latents], monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = decoder._inputs

    def breaks(rows: list) -> torch.Tensor:
        if any(row.utterance.request_id == "broken" for row in rows):
            raise ValueError("a matrix")
        return inputs(rows)

    monkeypatch.setattr(decoder, "_inputs", breaks)
    good = [loop.submit(Utterance((20,), voices[0], GREEDY, name, 80, 80)) for name in "ab"]
    broken = loop.submit(Utterance((20,), voices[0], GREEDY, "broken", 80, 80))
    with pytest.raises(SpeechError) as caught:
        heard(broken)
    assert caught.value.code == "xtts_step_failed" and "a matrix" in caught.value.values["reason"]
    assert [len(heard(ticket)) for ticket in good] == [80, 80]


def test_the_thread_rests_and_comes_back(decoder: Decoder, voices: list[Latents]) -> None:
    loop = DecodingLoop(decoder, LoopOptions(idle_s=0.01, threads=1))
    assert loop._thread is None
    for _ in range(3):
        assert len(heard(loop.submit(Utterance((20,), voices[0], GREEDY, "one", 4, 4)))) == 4
        until(lambda: loop._thread is None)
    loop.close()
    with pytest.raises(SpeechError) as caught:
        loop.submit(Utterance((20,), voices[0], GREEDY, "one", 4, 4))
    assert caught.value.code == "engine_not_loaded"


def test_closing_ends_what_runs_and_what_waits(decoder: Decoder, voices: list[Latents]) -> None:
    for _ in range(30):
        loop = DecodingLoop(decoder, SMALL)
        tickets = [loop.submit(Utterance((20,), voices[0], GREEDY, "one", 600, 600)) for _ in range(9)]
        loop.close()
        assert all(ticket.ended_by == "cancel" for ticket in tickets)
        assert loop.counts() == (0, 0)


def test_a_folder_becomes_a_loop(checkpoint: Checkpoint, voices: list[Latents]) -> None:
    loop = load_loop(checkpoint, precision="fp32", options=SMALL)
    assert loop.size_bytes > 64 * 64 * 12 * 2 * 4
    states = heard(loop.submit(Utterance((20, 21), voices[0], GREEDY, "one", 6, 6)))
    loop.close()
    assert states.shape == (6, 64) and np.isfinite(states.numpy()).all()


def test_utterances_wait_for_memory_and_one_always_runs(decoder: Decoder, voices: list[Latents]) -> None:
    utterances = [Utterance((20,), voices[0], GREEDY, name, 60, 60) for name in "abc"]
    weights = decoder.matrices.size_bytes
    most = weights + 2 * decoder.most_bytes(utterances[0]) - 1
    loop = DecodingLoop(decoder, LoopOptions(slots=4, threads=1, memory_bytes=most))
    tickets = [loop.submit(each) for each in utterances]
    until(lambda: bool(tickets[0].tokens))
    assert loop.size_bytes > weights
    ran = 0
    while not all(ticket.is_over for ticket in tickets):
        ran = max(ran, loop.counts()[0])
    assert ran == 1 and [len(ticket.tokens) for ticket in tickets] == [60, 60, 60]
    loop.close()


def test_what_an_utterance_may_hold_is_what_it_comes_to_hold(decoder: Decoder, voices: list[Latents]) -> None:
    utterance = Utterance((20, 21), voices[0], GREEDY, "one", 100, 100)
    row = decoder.start(utterance)
    while row.ended_by is None:
        decoder.step([row])
    assert abs(row.key_values.size_bytes - decoder.most_bytes(utterance)) <= decoder.most_bytes(utterance) / 4
    assert row.key_values.size_bytes <= decoder.most_bytes(utterance) * 1.01
