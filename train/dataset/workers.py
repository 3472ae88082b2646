"""Processes that each hold one recogniser, and take batches of clips as they become free.

They are children of their own, not of `multiprocessing`, since a worker of the service may not have such; a line of
JSON is a question, a line the answer, and an end of input ends them, whatever becomes of who asked.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from speech.audio import load
from speech.errors import SpeechError
from train.dataset.edges import edges_of
from train.dataset.recognizers import Recognizer

MEMORY_MB = 900  # that a process with Whisper base takes


@dataclass(frozen=True)
class RecognizerSpec:
    """What makes a recogniser in another process: "module:function" and its arguments, plain values."""

    factory: str
    arguments: Mapping[str, Any]

    def make(self) -> Recognizer:
        module, _, name = self.factory.partition(":")
        made: Recognizer = getattr(import_module(module), name)(**self.arguments)
        return made


@dataclass(frozen=True)
class Question:
    """What to do with clips: `recognize` them, tell the probability of the `language` of each, or what their `edges`
    say by themselves."""

    ask: str
    paths: tuple[str, ...]
    language: str


class WorkerPool:
    """`count` processes; use it in a `with`, which ends them."""

    def __init__(self, spec: RecognizerSpec, count: int) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        self._workers = [
            subprocess.Popen(
                [sys.executable, "-m", "train.dataset.workers"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=environment,
                text=True,
                encoding="utf-8",
            )
            for _ in range(count)
        ]
        for worker in self._workers:
            _send(worker, asdict(spec))

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for worker in self._workers:
            worker.kill()
            worker.wait()
            for pipe in (worker.stdin, worker.stdout):
                if pipe is not None:
                    try:
                        pipe.close()
                    except BrokenPipeError:
                        continue

    def answers(self, questions: Sequence[Question]) -> Iterator[tuple[int, Any]]:
        """Index and answer of each question, in the order they are done. Raises SpeechError `recognizer_died`."""
        waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
        done: queue.SimpleQueue[tuple[int, Any, Exception | None]] = queue.SimpleQueue()
        for index in range(len(questions)):
            waiting.put(index)

        def serve(worker: subprocess.Popen[str]) -> None:
            while True:
                try:
                    index = waiting.get_nowait()
                except queue.Empty:
                    return
                try:
                    done.put((index, _ask(worker, questions[index]), None))
                except Exception as error:
                    done.put((index, None, error))
                    return

        for worker in self._workers:
            threading.Thread(target=serve, args=(worker,), daemon=True).start()
        for _ in questions:
            index, answer, error = done.get()
            if error is not None:
                raise error
            yield index, answer


def worker_count(asked: int, questions: int) -> int:
    """As many as asked, else one for two cores as far as memory goes; never more than there is to do."""
    if asked:
        return max(1, min(asked, questions))
    free_mb = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20
    return max(1, min((os.cpu_count() or 1) // 2, free_mb // MEMORY_MB, questions))


def threads_each(count: int) -> int:
    return max(1, (os.cpu_count() or 1) // count)


def _send(worker: subprocess.Popen[str], value: Mapping[str, Any]) -> None:
    assert worker.stdin is not None
    worker.stdin.write(json.dumps(value) + "\n")
    worker.stdin.flush()


def _ask(worker: subprocess.Popen[str], question: Question) -> Any:
    assert worker.stdout is not None
    try:
        _send(worker, asdict(question))
        line = worker.stdout.readline()
    except OSError:
        line = ""
    if not line:
        raise SpeechError("recognizer_died", exit_code=worker.wait())
    answer = json.loads(line)
    if "error" in answer:
        raise SpeechError("recognizer_failed", reason=answer["error"])
    return answer["answer"]


def answer(recognizer: Recognizer, question: Question) -> list[Any]:
    """Plain values: for each clip its text, words and log probability; the probability of the language; or the texts of
    its first and last moments."""
    clips = [load(Path(path)) for path in question.paths]
    if question.ask == "language":
        return [recognizer.language_probability(clip, question.language) for clip in clips]
    if question.ask == "edges":
        heard = recognizer.recognize([edge for clip in clips for edge in edges_of(clip)], question.language)
        return [[first.text, last.text] for first, last in zip(heard[::2], heard[1::2], strict=True)]
    return [
        {
            "text": heard.text,
            "words": [[word.text, word.start_s, word.end_s, word.probability] for word in heard.words],
            "log_probability": heard.log_probability,
        }
        for heard in recognizer.recognize(clips, question.language)
    ]


def serve(questions: IO[str], answers: IO[str]) -> None:
    """The first line says which recogniser; each further one is a question."""
    recognizer = RecognizerSpec(**json.loads(questions.readline())).make()
    for line in questions:
        told = json.loads(line)
        try:
            reply: dict[str, Any] = {
                "answer": answer(recognizer, Question(told["ask"], tuple(told["paths"]), told["language"]))
            }
        except Exception as error:  # goes to whoever asked, who decides
            reply = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(reply) + "\n")
        answers.flush()


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print is not an answer
    serve(sys.stdin, answers)


if __name__ == "__main__":
    main()
