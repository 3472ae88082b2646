"""A voice that outlives its engine: the neutral part, parts by engine and checkpoint, formats old, known and newer."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fitted_voices import adapter, meta
from numpy.typing import NDArray

from speech.audio import Audio
from speech.engines.base import EngineOptions
from speech.engines.kokoro.engine import KokoroEngine
from speech.engines.xtts.engine import XttsEngine
from speech.engines.xtts.voices import heard_of, tensors_of
from speech.errors import SpeechError
from speech.models import ModelStore
from speech.voice_files import read_document, write_voice
from speech.voice_folder import DOCUMENT, SpokenClip, VoiceFolder
from speech.voice_library import MOST_CLIPS_S, VoiceLibrary

TEXT = "Bom dia a todos."


def clip(duration_s: float, seed: int = 0, level: float = 0.1) -> SpokenClip:
    samples = level * np.random.default_rng(seed).standard_normal(round(24000 * duration_s))
    return SpokenClip(Audio(samples.astype(np.float32).clip(-1, 1), 24000), TEXT)


@pytest.fixture(scope="module")
def tensors() -> dict[str, NDArray]:
    return adapter(size=0.001, rank=1).to_tensors()


@pytest.fixture
def library(tmp_path: Path) -> VoiceLibrary:
    return VoiceLibrary(tmp_path / "voices")


def test_one_voice_is_spoken_by_every_engine_that_can(
    library: VoiceLibrary, tensors: dict[str, NDArray], tmp_path: Path
) -> None:
    """Fitted for Kokoro, heard by XTTS in the same clips; the voice of too little speech is Kokoro's alone."""
    library.add(meta(), tensors, {}, [clip(4), clip(3, 1)], {"recordings": ["ana.wav"]})
    library.add(meta("bia"), tensors, {}, [clip(2)])
    options = EngineOptions(ModelStore(tmp_path / "models"), voices_dir=tmp_path / "voices")
    kokoro = [voice for voice in KokoroEngine(options).voices() if not voice.is_stock]
    xtts = XttsEngine(options).voices()
    assert [(voice.voice_id, voice.engine, voice.home) for voice in kokoro] == [
        ("ana", "kokoro", "kokoro"),
        ("bia", "kokoro", "kokoro"),
    ]
    assert [(voice.voice_id, voice.engine, voice.home) for voice in xtts] == [("ana", "xtts", "kokoro")]
    document = library.document("ana")
    assert document.provenance == {"recordings": ["ana.wav"]} and document.tags == ()
    assert [(one.file, one.text, one.duration_s) for one in document.clips] == [
        ("001.flac", TEXT, 4.0),
        ("002.flac", TEXT, 3.0),
    ]
    assert np.abs(library.clips("ana")[0].audio.samples - clip(4).audio.samples).max() < 1e-4


def test_a_reference_needs_no_part_until_one_is_made(library: VoiceLibrary, tensors: dict[str, NDArray]) -> None:
    reference = meta(engine="xtts", base_model="xtts-v2", base_sha256="", effort="reference")
    library.add(reference, {}, {}, [clip(5)])
    assert library.get("ana") == reference and library.parts("ana") == {}
    with pytest.raises(SpeechError, match="voice_part_missing"):
        library.path("ana", "kokoro")
    before = library.stamp()
    library.add_part(meta(), tensors)
    assert list(library.parts("ana")) == ["kokoro"] and library.stamp() != before
    assert library.path("ana", "kokoro").name == f"kokoro-{meta().base_sha256[:12]}.safetensors"
    assert library.get("ana") == reference  # it stays the voice that it was made as
    for bad, code in (([clip(2)], "reference_too_short"), ([clip(5, level=1e-4)], "reference_silent")):
        with pytest.raises(SpeechError, match=code):
            library.add(replace(reference, voice_id="bia"), {}, {}, bad)
    with pytest.raises(SpeechError, match="voice_tensor"):
        library.add(meta("bia"), {}, {}, [clip(5)])  # a fitted voice without what was fitted
    assert [one.voice_id for one in library.list()] == ["ana"]


def test_whole_clips_are_kept_up_to_a_limit_and_heard_up_to_the_engines(library: VoiceLibrary) -> None:
    reference = meta(engine="xtts", base_sha256="")
    clips = [clip(14), clip(15), clip(20), clip(20), clip(20), clip(20)]
    library.add(reference, {}, {}, clips)
    assert sum(one.duration_s for one in library.document("ana").clips) == 89 <= MOST_CLIPS_S
    heard = heard_of([one.audio for one in library.clips("ana")])
    assert [one.duration_s for one in heard] == [14, 15] and tensors_of(heard)["clip_samples"].tolist() == [
        14 * 22050,
        15 * 22050,
    ]


def test_a_file_brings_the_clips_along(library: VoiceLibrary, tensors: dict[str, NDArray], tmp_path: Path) -> None:
    library.add(meta(), tensors, {}, [clip(4), clip(3, 1)])
    path = tmp_path / "ana.safetensors"
    library.export("ana", path)
    other = VoiceLibrary(tmp_path / "other")
    assert other.import_(path) == meta() and other.document("ana") == library.document("ana")
    assert [one.text for one in other.clips("ana")] == [TEXT, TEXT] and list(other.parts("ana")) == ["kokoro"]
    data = path.read_bytes()
    at = data.index(b"fLaC") + 200
    path.write_bytes(data[:at] + bytes([data[at] ^ 255]) + data[at + 1 :])
    with pytest.raises(SpeechError, match="voice_file_malformed.*clip"):
        other.import_(path, "bia")


def test_a_newer_format_is_refused_by_that_name(library: VoiceLibrary, tensors: dict[str, NDArray]) -> None:
    library.add(meta(), tensors, {})
    path = library.folder("ana") / DOCUMENT
    document = json.loads(path.read_text())
    path.write_text(json.dumps(document | {"format_version": 3, "of_the_future": True}))
    with pytest.raises(SpeechError, match="voice_format_newer.*version=3"):
        library.get("ana")
    assert library.damaged()["ana"].code == "voice_format_newer"
    for spoiled in ({"format_version": "3"}, {"format_version": 0}, {"clips": "none"}, {"tags": [""]}, {"more": 1}):
        path.write_text(json.dumps(document | spoiled))
        with pytest.raises(SpeechError, match="voice_file_malformed"):
            library.get("ana")


def test_a_folder_of_format_1_opens_and_becomes_one_of_format_2_when_it_changes(
    library: VoiceLibrary, tensors: dict[str, NDArray], tmp_path: Path
) -> None:
    folder = tmp_path / "voices" / "ana"
    (folder / "samples").mkdir(parents=True)
    write_voice(folder / "voice.safetensors", meta(), tensors)
    assert library.get("ana") == meta() and library.path("ana", "kokoro") == folder / "voice.safetensors"
    assert VoiceFolder(tmp_path / "voices").clips("ana") == ()
    library.export("ana", tmp_path / "out.safetensors")
    assert read_document(tmp_path / "out.safetensors").meta == meta()
    library.replace_report("ana", {"wer": 0.1})
    assert sorted(path.name for path in folder.iterdir()) == ["parts", "samples", "voice.json"]
    assert library.get("ana") == meta(report={"wer": 0.1}) and list(library.parts("ana")) == ["kokoro"]
