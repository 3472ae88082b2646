"""Blind comparisons: the job that has both sides say the same texts, and where its sessions are."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from app.callers import LOCAL, Caller
from app.jobs.context import Cancelled, JobContext
from speech.audio import Audio, join
from speech.errors import SpeechError
from speech.synthesis import Synthesizer
from speech.text.reading import ReadingOptions
from speech.voice_folder import VoiceFolder
from speech.voices import Voice, shape_of

if TYPE_CHECKING:
    from train.compare import Session, Vote

COMPARISONS = ".comparisons"  # folder beside the runs
OWNER, MEASURES = "owner", "measures.json"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}")
NOTE, LISTENING = "training.stage.speaking", "training.stage.judging"


class ComparisonParams(BaseModel):
    """What a job of this kind stores. `sides`: label and fields of the voice."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    test: str
    labels: tuple[str, str]
    voices: tuple[dict[str, Any], dict[str, Any]]
    texts: list[str]
    language: str
    seed: int
    measure: bool


class Comparisons:
    """Sessions in `root`, a folder each, named as the job that made it."""

    def __init__(self, root: Path) -> None:
        self._root = root / COMPARISONS

    def begin(self, name: str, caller: Caller) -> None:
        folder = self._root / name
        folder.mkdir(parents=True)
        (folder / OWNER).write_text(caller.user_id, encoding="utf-8")

    def folder(self, name: str, caller: Caller = LOCAL) -> Path:
        """Raises SpeechError `session_missing`."""
        folder = self._root / name
        owner = folder / OWNER
        if not NAME.fullmatch(name) or not owner.is_file() or not caller.may_see(owner.read_text(encoding="utf-8")):
            raise SpeechError("session_missing", session=name[:80])
        return folder

    def names(self, caller: Caller = LOCAL) -> list[str]:
        """Of all that can be listened to, the newest first."""
        from train.compare import FILE

        found = [path.parent for path in self._root.glob(f"*/{FILE}")]
        by_age = sorted(found, key=lambda folder: (folder / OWNER).stat().st_mtime_ns, reverse=True)
        return [folder.name for folder in by_age if caller.may_see((folder / OWNER).read_text(encoding="utf-8"))]

    def session(self, name: str, caller: Caller = LOCAL) -> Session:
        """Raises SpeechError `session_missing`, also while its sounds are being made."""
        from train.compare import load_session

        return load_session(self.folder(name, caller))

    def sound(self, name: str, sound: str, caller: Caller = LOCAL) -> Path:
        """Raises SpeechError `session_missing`, `session_sound_missing`."""
        from train.compare import SOUNDS

        known = {one for trial in self.session(name, caller).trials for one in trial.sounds}
        if sound not in known:
            raise SpeechError("session_sound_missing", sound=sound[:80])
        return self.folder(name, caller) / SOUNDS / f"{sound}.wav"

    def vote(self, name: str, cast: Vote, caller: Caller = LOCAL) -> Session:
        """Raises SpeechError as `train.compare.vote` does."""
        from train.compare import vote

        return vote(self.folder(name, caller), cast)

    def measures(self, name: str, caller: Caller = LOCAL) -> dict[str, Any]:
        """Of each side by its label; empty where nothing was measured."""
        path = self.folder(name, caller) / MEASURES
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        return found

    def delete(self, name: str, caller: Caller = LOCAL) -> None:
        """Raises SpeechError `session_missing`."""
        shutil.rmtree(self.folder(name, caller))


def compare_voices(
    comparisons: Comparisons, synthesizer: Synthesizer, context: JobContext, params: Mapping[str, Any]
) -> dict[str, Any]:
    """Have both sides say the texts with one seed, measure them, and lay the session out.

    Raises SpeechError as `Synthesizer.plan` and `speak` do, Cancelled.
    """
    from train.compare import begin

    wanted = ComparisonParams.model_validate(params)
    folder = comparisons.folder(context.job.id)
    voices = [voice_of(fields) for fields in wanted.voices]
    spoken: list[list[Audio]] = [[], []]
    for number, text in enumerate(wanted.texts):
        for side, voice in enumerate(voices):
            if context.should_stop():
                raise Cancelled
            context.progress(2 * number + side, 2 * len(wanted.texts), NOTE)
            spoken[side].append(say(synthesizer, voice, text, wanted.language, wanted.seed))
    if wanted.measure:
        context.progress(1, 1, LISTENING)
        measures = _measures(synthesizer, wanted, voices, spoken)
        (folder / MEASURES).write_text(json.dumps(measures, indent=1), encoding="utf-8")
    session = begin(folder, wanted.test, wanted.labels, list(zip(wanted.texts, *spoken, strict=True)))
    return {"comparison": context.job.id, "trials": len(session.trials)}


def say(synthesizer: Synthesizer, voice: Voice, text: str, language: str, seed: int) -> Audio:
    """One text by a voice, with the seed where its engine has one."""
    info = synthesizer.engines()[voice.engine]
    plan = synthesizer.plan(
        text,
        engine=voice.engine,
        language=language,
        voice=voice,
        seed=seed if info.is_seeded else None,
        reading=ReadingOptions(),
    )
    return join(list(synthesizer.speak(plan)))


def fields_of(voice: Voice) -> dict[str, Any]:
    """What a job stores of a voice."""
    return asdict(voice)


def voice_of(fields: Mapping[str, Any]) -> Voice:
    """The voice that a job stored."""
    return Voice(**{**fields, "shape": shape_of(fields["shape"])})


def _measures(
    synthesizer: Synthesizer, wanted: ComparisonParams, voices: Sequence[Voice], spoken: Sequence[Sequence[Audio]]
) -> dict[str, Any]:
    from train.evidence import Prompt, measured
    from train.finetuning import load_run_judges

    judges = load_run_judges(synthesizer.store)
    prompts, heard = [Prompt(text) for text in wanted.texts], _reference(synthesizer, voices)
    return {
        label: measured(prompts, sounds, heard, wanted.language, judges)
        | {"duration_s": [s.duration_s for s in sounds]}
        for label, sounds in zip(wanted.labels, spoken, strict=True)
    }


def _reference(synthesizer: Synthesizer, voices: Sequence[Voice]) -> list[Audio]:
    """Clips of the first side that has some, to which both are likened."""
    for voice in voices:
        root = Path(voice.folder).parent if voice.folder else synthesizer.voices_dir
        try:
            clips = VoiceFolder(root).clips(voice.voice_id) if root else ()
        except SpeechError:  # a stock voice
            continue
        if clips:
            return [clip.audio for clip in clips]
    return []
