"""`papagaio clone`: recordings, or a built dataset, become a voice. Ctrl-C pauses; the same command goes on."""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import shutil
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.commands.console import Console
from app.commands.speak import bring
from app.errors import Problem
from app.texts import catalogue
from speech.errors import SpeechError
from train.progress import Stopped

if TYPE_CHECKING:
    from app.settings import Settings
    from app.tasks.cloning_service import CloningService
    from speech.audio import Audio
    from speech.voice_files import VoiceMeta
    from train.manifest import Manifest

PAUSED = 130  # what a shell takes for Ctrl-C
REQUEST, INTAKE, FIT, SAMPLES = "request.json", "intake", "fit", "samples"
REDRAW_S = 0.5


def clone(options: argparse.Namespace, console: Console) -> int:
    from app.settings import load_settings
    from app.tasks.cloning_service import CloningService
    from speech.engines.registry import Registry
    from speech.models import ModelStore

    settings = load_settings()
    cloning = CloningService(ModelStore(settings.models_path), settings.voices_path, Registry(settings.extra_engines))
    return clone_in(cloning, settings, options, console)


def clone_in(cloning: CloningService, settings: Settings, options: argparse.Namespace, console: Console) -> int:
    """Take in, fit, report. Raises Problem or SpeechError before anything is made where it cannot be done."""
    request, text = _request(cloning, settings, options, console)
    work = settings.data_dir / "clones" / request["voice_id"]
    with _owned(work, request["voice_id"]):
        request = _continued(work, request, console)
        reporter = Terminal(console, work / SAMPLES)
        recordings = [Path(name) for name in options.recordings]
        with reporter.listening():
            try:
                meta = _make(cloning, work, request, text, recordings, reporter, console)
            except Stopped:
                console.note(console.text("cli.clone.paused"))
                return PAUSED
        shutil.rmtree(work)
    _show(cloning, meta, console)
    return 0


class Terminal:
    """A reporter for a person: where it is, how long it still takes, and what can be heard already."""

    def __init__(self, console: Console, samples: Path) -> None:
        self._console, self._samples = console, samples
        self._is_stopping = False
        self._note, self._share_before, self._since = "", 0.0, time.monotonic()
        self._drawn_at, self._told = 0.0, -1

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Ctrl-C asks to stop; a second one ends at once."""

        def interrupted(*_: object) -> None:
            signal.signal(signal.SIGINT, before)
            self._is_stopping = True
            self._console.note(self._console.text("cli.clone.pausing"))

        before = signal.signal(signal.SIGINT, interrupted)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)
            if self._drawn_at and self._console.err.isatty():
                print(file=self._console.err)

    def progress(self, done: int, total: int, note: str = "") -> None:
        share, now = done / total if total else 0.0, time.monotonic()
        if share < self._share_before or note != self._note:  # another phase, with a pace of its own
            self._since, self._told, self._note = now, -1, note
        if self._told < 0:
            self._share_before = share
        line = self._line(share, now, note)
        if self._console.err.isatty():
            if now - self._drawn_at > REDRAW_S or share >= 1:
                self._drawn_at, self._told = now, 0
                print(f"\r\x1b[K{line}", end="", file=self._console.err, flush=True)
        elif int(share * 10) != self._told:
            self._told = int(share * 10)
            self._console.note(line)

    def metric(self, step: int, values: Mapping[str, float]) -> None:
        """Figures are for the report; a person at the terminal gets the samples."""

    def log(self, text: str) -> None:
        self._console.note(text)

    def sample(self, name: str, audio: Audio) -> None:
        from speech.audio import save

        self._samples.mkdir(parents=True, exist_ok=True)
        path = self._samples / f"{name}.wav"
        save(audio, path)
        if self._drawn_at and self._console.err.isatty():
            print(file=self._console.err)
        self._console.note(self._console.text("cli.clone.sample", path=str(path)))

    def should_stop(self) -> bool:
        return self._is_stopping

    def _line(self, share: float, now: float, note: str) -> str:
        made, elapsed_s = share - self._share_before, now - self._since
        what = catalogue(self._console.language).get(note, note)
        if made < 0.02 or share >= 1:
            return f"{what} {share:4.0%}"
        left = self._console.text("cli.clone.left", time=clock(elapsed_s / made * (1 - share)))
        return f"{what} {share:4.0%}, {left}"


def clock(seconds: float) -> str:
    """`1:05` for a minute and five seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"


def _request(
    cloning: CloningService, settings: Settings, options: argparse.Namespace, console: Console
) -> tuple[dict[str, Any], str | None]:
    """What is asked for, checked, and the text that is said. Its `inputs` tell one request from another."""
    from app.tasks import synthesizer_of
    from app.tasks.cloning_service import EFFORTS, REFERENCE, voice_id_of
    from speech.synthesis import match_language

    if not options.consent:
        raise Problem("consent_flag_missing")
    _check_words(options)
    choices = cloning.engines()
    engine = options.engine or choices[0]
    if engine not in choices:
        raise cloning.registry.refusal(engine, choices)
    is_fitted = cloning.is_fitted(engine)
    if options.dataset and not is_fitted:
        raise SpeechError("bad_argument", reason=f"--dataset, --engine {engine}", choices=cloning.fitted_engines())
    offered = EFFORTS if is_fitted else (REFERENCE,)
    effort = options.effort or ("default" if is_fitted else REFERENCE)
    if effort not in offered:
        raise Problem("unknown_effort", effort=effort, choices=list(offered))
    missing = [name for name in (*options.recordings, *([options.text] if options.text else [])) if not _is_file(name)]
    if missing:
        raise Problem("file_missing", path=", ".join(missing))
    with closing(synthesizer_of(settings)) as synthesizer:
        info = synthesizer.engines()[engine]
        language = match_language(options.language, info) if options.language else None
        if not is_fitted:
            bring(synthesizer, synthesizer.models_of(engine), console, options.accept_licence)
            synthesizer.check(engine)
        stock = {voice.voice_id for voice in synthesizer.voices()}
    voice_id = voice_id_of(options.name)
    if voice_id in stock or cloning.is_taken(voice_id):
        raise SpeechError("voice_exists", voice=voice_id)
    asked = {"title": options.name, "language": language, "effort": effort, "engine": engine}
    if options.dataset:
        asked |= _dataset(cloning, settings, options)
    cloning.check(engine)
    text = _text(Path(options.text)) if options.text else None
    digest = hashlib.sha256(json.dumps([asked, text]).encode())
    for name in options.recordings:
        digest.update(hashlib.sha256(Path(name).read_bytes()).digest())
    consent = {"statement": console.text("clone.consent_statement"), "given_at": datetime.now(UTC).isoformat()}
    return {**asked, "voice_id": voice_id, "consent": consent, "inputs": digest.hexdigest()}, text


def _check_words(options: argparse.Namespace) -> None:
    """Recordings, or a dataset. Raises SpeechError `missing_argument`, `bad_argument`."""
    of_other = ("recordings", "text", "language") if options.dataset else ("speaker", "max_steps")
    given = [f"--{name.replace('_', '-')}" for name in of_other if getattr(options, name)]
    if given:
        reason = f"{', '.join(given)}: {'--dataset' if options.dataset else 'RECORDINGS'}"
        raise SpeechError("bad_argument", reason=reason, choices=options.parser.words())
    if not options.dataset and not options.recordings:
        raise SpeechError("missing_argument", names=["recordings"], choices=["--dataset"])
    if options.max_steps is not None and options.max_steps < 1:
        raise SpeechError("bad_argument", reason=f"--max-steps {options.max_steps}", choices=options.parser.words())


def _dataset(cloning: CloningService, settings: Settings, options: argparse.Namespace) -> dict[str, Any]:
    """What a request says of the dataset that it learns from, whose clips can be used. Raises SpeechError and Problem
    as `POST /voices/fit` does."""
    from app.tasks import synthesizer_of, training_service_of
    from app.tasks.dataset_service import DatasetService
    from speech.synthesis import match_language
    from train.ljs import fingerprint

    folder = DatasetService(cloning.store, settings.datasets_path).open(options.dataset)
    built, speaker = training_service_of(settings, cloning.store).dataset(options.dataset), options.speaker or ""
    digest = fingerprint(cloning.dataset_clips(built, folder.language, speaker))
    with closing(synthesizer_of(settings)) as synthesizer:
        language = match_language(folder.language, synthesizer.engines()[options.engine or cloning.engines()[0]])
    told = {"dataset": options.dataset, "speaker": speaker, "max_steps": options.max_steps}
    return {**told, "built": os.fspath(built), "language": language, "clips": digest}


def _is_file(name: str) -> bool:
    return Path(name).is_file()


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise SpeechError("input_not_utf8", position=error.start) from error


@contextmanager
def _owned(work: Path, voice_id: str) -> Iterator[None]:
    """The work folder for this process alone. Raises Problem `clone_running`."""
    work.mkdir(parents=True, exist_ok=True)
    lock = work.with_name(f".{work.name}.lock")
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Problem("clone_running", voice=voice_id) from None
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


def _continued(work: Path, request: dict[str, Any], console: Console) -> dict[str, Any]:
    """The request as it was first made, when there is work on the same one; work on another is dropped."""
    path = work / REQUEST
    if path.exists():
        before: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if before["inputs"] == request["inputs"]:
            console.note(console.text("cli.clone.continues"))
            return before
        shutil.rmtree(work)
        work.mkdir()
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(request), encoding="utf-8")
    temporary.replace(path)
    return request


def _make(
    cloning: CloningService,
    work: Path,
    request: Mapping[str, Any],
    text: str | None,
    recordings: Sequence[Path],
    reporter: Terminal,
    console: Console,
) -> VoiceMeta:
    from app.tasks.cloning_service import MANIFEST, keep_clips
    from speech.voice_files import Consent
    from train.manifest import Manifest

    folder = work / INTAKE
    try:
        if not (folder / MANIFEST).exists():
            if request.get("dataset"):
                source, speaker = Path(request["built"]), request["speaker"]
                keep_clips(cloning.dataset_clips(source, request["language"], speaker), source, folder)
            else:
                asked = request["language"]
                cloning.analyze_recordings(recordings, request["engine"], asked, folder, reporter, text)
    except (SpeechError, Problem):
        shutil.rmtree(work)  # nothing of recordings that cannot be used
        raise
    manifest = Manifest.load(folder / MANIFEST)
    _tell_clips(manifest, console)
    language = request["language"] or manifest.clips[0].language
    if not request["language"]:
        console.note(console.text("cli.clone.language_heard", language=language))
    is_fitted = cloning.is_fitted(request["engine"])
    if is_fitted:
        steps = None
        if request.get("dataset"):
            steps = cloning.dataset_steps(request["effort"], manifest.usable_s, request["max_steps"])
        estimate = clock(cloning.estimate_s(request["effort"], manifest.usable_s, steps))
        console.note(console.text("cli.clone.begins", effort=request["effort"], time=estimate))
    options: dict[str, Any] = {name: request[name] for name in ("voice_id", "title", "effort")} | {"language": language}
    if request.get("dataset"):
        options |= {name: request[name] for name in ("dataset", "max_steps")}
    (work / FIT).mkdir(exist_ok=True)
    options["consent"] = Consent(**request["consent"])
    if not is_fitted:
        return cloning.keep_reference(folder, manifest, options, cloning.library(), request["engine"])
    return cloning.clone(folder, manifest, options, cloning.library(), work / FIT, reporter)


def _tell_clips(manifest: Manifest, console: Console) -> None:
    usable_s = sum(clip.duration_s for clip in manifest.usable())
    values = {"clips": len(manifest.clips), "usable": len(manifest.usable()), "seconds": f"{usable_s:.0f}"}
    console.note(console.text("cli.clone.clips", **values))
    for clip in manifest.clips:
        for finding in clip.findings:
            what = console.text(f"clone.finding.{finding.code}", **finding.values)
            console.note(f"  {clip.source} {clock(clip.start_s)}: {what}")


def _show(cloning: CloningService, meta: VoiceMeta, console: Console) -> None:
    """The report as a table, where the samples are, and how to speak."""
    rows = [[console.text(f"cli.clone.column.{name}") for name in ("measure", "stock", "fitted", "ceiling")]]
    rows += [row for language in meta.report.get("languages", ()) for row in _rows(language, console)]
    if len(rows) > 1:
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        for row in rows:
            console.line("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    if checkpoints := meta.report.get("checkpoints"):
        _show_checkpoints(checkpoints, console)
    if top_hz := meta.report.get("compared_up_to_hz"):
        console.say("clone.report.narrow", khz=f"{top_hz / 1000:.1f}")
    for path in sorted((cloning.library().folder(meta.voice_id) / SAMPLES).glob("*.wav")):
        console.say("cli.clone.sample", path=os.fspath(path))
    console.say("cli.clone.done", title=meta.title, voice=meta.voice_id)


def _show_checkpoints(checkpoints: Mapping[str, Any], console: Console) -> None:
    """Those of a dataset's fit, the best first; which one speaks, and whether more steps would help."""
    names = ("step", "validation_loss", "word_error_rate", "similarity", "similarity_unseen", "opinion", "score")
    rows = [[console.text(f"clone.checkpoint.{name}") for name in names]]
    rows += [[str(one["step"]), *(_figure(one[name]) for name in names[1:])] for one in checkpoints["ranking"]]
    widths = [max(len(row[column]) for row in rows) for column in range(len(names))]
    for row in rows:
        console.line("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    console.say(f"clone.checkpoint.kept.{checkpoints['chosen_by']}", step=checkpoints["kept_step"])
    console.say(f"training.hint.{checkpoints['hint']['code']}", step=checkpoints["hint"]["step"])


def _rows(language: Mapping[str, Any], console: Console) -> Iterator[list[str]]:
    tag = language["language"]
    for judge, one in language["similarity"].items():
        name = console.text("cli.clone.row.similarity", language=tag, judge=judge)
        yield [name, *(_figure(one[side]) for side in ("before", "after", "ceiling"))]
    for measure in ("word_error_rate", "overall", "p808"):
        name = console.text(f"cli.clone.row.{measure}", language=tag)
        yield [name, *(_figure(language[measure][side]) for side in ("stock", "fitted")), ""]


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
