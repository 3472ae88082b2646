"""Recordings of a person taken in: speech found, cut into clips, written down, and each clip judged."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from speech.analysis import quality, speakers
from speech.analysis.cutting import LONGEST_RECORDINGS_S, Piece, Recording, cut, listen
from speech.analysis.findings import of_reading
from speech.analysis.transcripts import difference, place
from speech.asr import Transcriber, Transcript, WhisperTranscriber
from speech.audio import join, save
from speech.engines.records import EngineRecord
from speech.errors import SpeechError
from speech.metrics.speaker import SpeakerEncoder, SpeakerJudge
from speech.models import ModelStore
from speech.synthesis import match_language
from speech.vad import SileroDetector, VoiceDetector
from train.manifest import Clip, Manifest
from train.progress import Reporter, Stopped

MODELS = ("whisper-base", "speaker-resnet34")
SILENCE_DB = -65.0
LONGEST_TEXT = 20_000  # characters; ten minutes of speech have half of that
_TOLD = 10  # clips that an error names
_LANGUAGE_WINDOW_S = 28.0  # whisper tells the language of 30 s at once
_STAGES = {"reading": (0, 5), "finding_speech": (5, 10), "judging": (10, 30), "transcribing": (30, 100)}


@dataclass(frozen=True)
class IntakeModels:
    """Who listens: for speech, for words, for the person."""

    detector: VoiceDetector
    transcriber: Transcriber
    encoder: SpeakerJudge


def load_intake_models(store: ModelStore, threads: int = 2) -> IntakeModels:
    """The models from the model store. Raises SpeechError `model_missing`."""
    whisper, encoder = (store.path(name) for name in MODELS)
    return IntakeModels(
        SileroDetector(),
        WhisperTranscriber(whisper, threads=threads),
        SpeakerEncoder(encoder / "speaker-resnet34.onnx"),
    )


def analyze_recordings(
    recordings: Sequence[Path],
    engine: EngineRecord,
    language: str | None,
    work_dir: Path,
    models: IntakeModels,
    reporter: Reporter,
    text: str | None = None,
) -> Manifest:
    """Clips of 24 kHz wav in `work_dir/clips`, and `work_dir/manifest.jsonl`, written last; a second run starts anew.

    `engine` is the one that will speak: languages and least lengths are its own. `language` None: the one that is
    heard most, which the clips then carry. `text` is what is said in all recordings together; without it the words are
    what the recogniser heard. Raises Stopped, and SpeechError: `no_recording`, `language_not_spoken`, `text_too_long`,
    what `cutting.read` raises, `recording_too_short`, `recording_silent`, `only_music`, `no_speech_found`,
    `two_speakers`, `wrong_language`, `wrong_text`, `too_little_speech`. Nothing is left in `work_dir` then.
    """
    asked = match_language(language, engine.info) if language else None
    if not recordings:
        raise SpeechError("no_recording")
    if text is not None and len(text) > LONGEST_TEXT:
        raise SpeechError("text_too_long", length=len(text), maximum=LONGEST_TEXT)
    work_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=work_dir, prefix=".intake-") as name:
        sources = _read(recordings, engine.least_recording_s, models, reporter)
        pieces = [piece for recording in sources for piece in cut(recording)]
        _check_speech(sources, pieces, engine.least_speech_s)
        clips = _clips(pieces, asked, engine, models, reporter, text)
        _check_clips(pieces, clips, engine.least_speech_s)
        folder = Path(name) / "clips"
        folder.mkdir()
        for piece, clip in zip(pieces, clips, strict=True):
            save(piece.audio, folder / Path(clip.audio_path).name)
        shutil.rmtree(work_dir / "clips", ignore_errors=True)
        folder.rename(work_dir / "clips")
    manifest = Manifest(tuple(clips))
    manifest.save(work_dir / "manifest.jsonl")
    return manifest


def _read(paths: Sequence[Path], least_s: float, models: IntakeModels, reporter: Reporter) -> list[Recording]:
    """Raises SpeechError as `listen` does, and `recording_too_short`."""
    heard: list[Recording] = []
    for index, path in enumerate(paths):
        _step(reporter, "reading", index, len(paths))
        left_s = LONGEST_RECORDINGS_S - sum(recording.audio.duration_s for recording in heard)
        heard.append(listen(path, left_s, models.detector))
    _step(reporter, "finding_speech", 1, 1)
    total_s = sum(recording.audio.duration_s for recording in heard)
    if total_s < least_s:
        names = ", ".join(recording.name for recording in heard)
        raise SpeechError("recording_too_short", files=names, duration_s=round(total_s, 1), minimum_s=least_s)
    return heard


def _check_speech(heard: Sequence[Recording], pieces: Sequence[Piece], least_s: float) -> None:
    """Raises SpeechError when there is next to no speech, with what there is instead."""
    speech_s = sum(piece.speech.duration_s for piece in pieces)
    if speech_s >= least_s / 3:
        return
    files = ", ".join(recording.name for recording in heard)
    level = max(quality.rms_db(recording.audio) for recording in heard)
    if level < SILENCE_DB:
        raise SpeechError("recording_silent", files=files, level_db=round(level))
    if max(quality.tonality_db(recording.audio) for recording in heard) > quality.TONAL_DB:
        raise SpeechError("only_music", files=files)
    raise SpeechError("no_speech_found", files=files, speech_s=round(speech_s, 1))


def _clips(
    pieces: Sequence[Piece],
    asked: str | None,
    engine: EngineRecord,
    models: IntakeModels,
    reporter: Reporter,
    text: str | None,
) -> list[Clip]:
    """Every piece with its words, measures and findings; `asked` is a tag of the engine's.

    Raises what `_who` and `_language` raise, and Stopped.
    """
    found = _who(pieces, models, reporter)
    languages = _languages(pieces, models.transcriber)
    language = _language(pieces, languages, asked, engine)
    heard: list[Transcript] = []
    for index, piece in enumerate(pieces):
        _step(reporter, "transcribing", index, len(pieces))
        heard.append(models.transcriber.transcribe(piece.audio, language))
    _step(reporter, "transcribing", 1, 1)
    texts = tuple(each.text for each in heard) if text is None else place(text, [each.text for each in heard], language)
    clips = []
    for index, piece in enumerate(pieces):
        measures = measured(piece, heard[index], texts[index])
        measures["speaker_similarity"] = found.similarity[index]
        measures["speaker_similarity_least"] = found.least[index]
        measures["language_probability"] = languages[index].get(_primary(language), 0.0)
        if text is not None:
            measures["text_difference"] = difference(texts[index], heard[index].text, language)
        clip = _clip(index, piece, texts[index], heard[index], language, measures, languages[index])
        is_first = index == 0 or pieces[index - 1].recording is not piece.recording
        clips.append(replace(clip, findings=(*clip.findings, *of_reading(piece.recording.told))) if is_first else clip)
    return clips


def _who(pieces: Sequence[Piece], models: IntakeModels, reporter: Reporter) -> speakers.Speakers:
    """Raises Stopped, and SpeechError `two_speakers` with the clips in which the second one is heard."""
    voices = [piece.voice for piece in pieces]
    found = speakers.compare(voices, models.encoder, lambda done: _step(reporter, "judging", done, len(voices)))
    if found.are_two:
        clips = ", ".join(_place(index, pieces[index]) for index in found.second)
        raise SpeechError("two_speakers", clips=clips, share_percent=round(100 * found.second_share))
    return found


def measured(piece: Piece, heard: Transcript, text: str) -> dict[str, float]:
    """The measures of a piece by itself: sound, length and words."""
    sound, characters = piece.audio, len(text.strip())
    around = [pause for pause in piece.recording.pauses if _is_near(pause, piece)]
    return {
        "duration_s": sound.duration_s,
        "rms_db": quality.rms_db(sound),
        "peak": float(abs(sound.samples).max()),
        "snr_db": quality.snr_db(sound),
        "clipped_share": quality.clipped_share(sound),
        "bandwidth_hz": quality.bandwidth_hz(sound),
        "music_snr_db": quality.music_snr_db(sound, piece.recording.audio, around),
        "pause_snr_db": quality.pause_snr_db(sound, piece.recording.audio, around),
        "characters": float(characters),
        "characters_per_s": characters / piece.speech.duration_s,
        "log_probability": heard.average_log_probability,
        "no_speech_probability": heard.no_speech_probability,
    }


def _is_near(pause: tuple[float, float], piece: Piece, within_s: float = 5.0) -> bool:
    return pause[1] > piece.span.start_s - within_s and pause[0] < piece.span.end_s + within_s


def _languages(pieces: Sequence[Piece], transcriber: Transcriber) -> tuple[Mapping[str, float], ...]:
    """For each piece how probable each language is, by it and its neighbours of half a minute."""
    sounds = [piece.audio for piece in pieces]
    found: list[Mapping[str, float]] = []
    while len(found) < len(sounds):
        start = len(found)
        end = start + 1
        while end < len(sounds) and sum(sound.duration_s for sound in sounds[start : end + 1]) < _LANGUAGE_WINDOW_S:
            end += 1
        found += [transcriber.languages(join(sounds[start:end]))] * (end - start)
    return tuple(found)


def _language(
    pieces: Sequence[Piece], heard: Sequence[Mapping[str, float]], asked: str | None, engine: EngineRecord
) -> str:
    """The language of the recordings as a tag of the engine's: the one asked for, else the one heard most.

    Raises SpeechError `wrong_language` when most of the speech is in another one than `asked`, `language_not_spoken`
    when the one that is heard is none of the engine's.
    """
    seconds = Counter[str]()
    other_s = Counter[str]()
    for piece, each in zip(pieces, heard, strict=True):
        seconds[_likeliest(each)] += round(piece.audio.duration_s)
        if asked and each.get(_primary(asked), 0.0) < quality.NOT_THE_LANGUAGE:
            other_s[_likeliest(each)] += round(piece.audio.duration_s)
    if asked is None:
        return match_language(seconds.most_common(1)[0][0], engine.info)
    if other_s.total() > sum(piece.audio.duration_s for piece in pieces) / 2:
        raise SpeechError("wrong_language", language=asked, heard=other_s.most_common(1)[0][0])
    return asked


def _likeliest(languages: Mapping[str, float]) -> str:
    return max(languages, key=languages.__getitem__, default="")


def _primary(language: str) -> str:
    return language.split("-")[0]


def _clip(
    index: int,
    piece: Piece,
    text: str,
    heard: Transcript,
    language: str,
    measures: dict[str, float],
    languages: Mapping[str, float],
) -> Clip:
    told = {"text": text, "heard": heard.text, "language": language, "likeliest": _likeliest(languages)}
    clip_id = _clip_id(index)
    return Clip(
        clip_id=clip_id,
        audio_path=f"clips/{clip_id}.wav",
        source=piece.recording.name,
        start_s=round(piece.span.start_s, 3),
        end_s=round(piece.span.end_s, 3),
        duration_s=piece.audio.duration_s,
        text=text,
        recognized_text=heard.text,
        language=language,
        measures={name: round(value, 4) for name, value in measures.items()},
        findings=quality.judge(measures, told),
    )


def _check_clips(pieces: Sequence[Piece], clips: Sequence[Clip], least_s: float) -> None:
    """Raises SpeechError when what is left is too little to fit on: `wrong_text` when most is lost to that."""
    refused = [
        (_place(index, piece), clip, [finding.code for finding in clip.findings if finding.severity == "refused"])
        for index, (piece, clip) in enumerate(zip(pieces, clips, strict=True))
        if not clip.is_usable
    ]
    manifest = Manifest(tuple(clips))
    wrong = [(place, clip) for place, clip, codes in refused if "wrong_text" in codes]
    if sum(clip.duration_s for _, clip in wrong) > manifest.duration_s / 2:
        told = "; ".join(f"{place}: “{clip.text}” / “{clip.recognized_text}”" for place, clip in wrong[:_TOLD])
        raise SpeechError("wrong_text", clips=told)
    if manifest.usable_s < least_s:
        reasons = "; ".join(f"{place}: {', '.join(codes)}" for place, _, codes in refused[:_TOLD])
        left_s = round(manifest.usable_s, 1)
        raise SpeechError("too_little_speech", usable_s=left_s, minimum_s=least_s, reasons=reasons)


def _clip_id(index: int) -> str:
    return f"c{index + 1:03d}"


def _place(index: int, piece: Piece) -> str:
    return f"{_clip_id(index)} ({piece.recording.name} {piece.span.start_s:.1f}–{piece.span.end_s:.1f} s)"


def _step(reporter: Reporter, stage: str, done: int, total: int) -> None:
    """Tell where the work is, in percent. Raises Stopped."""
    first, last = _STAGES[stage]
    reporter.progress(first + round((last - first) * done / total), 100, f"clone.stage.{stage}")
    if reporter.should_stop():
        raise Stopped
