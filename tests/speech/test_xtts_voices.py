"""Who XTTS speaks with: studio speakers told without PyTorch, and references that are kept and checked."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from speech.audio import Audio
from speech.engines.xtts import voices
from speech.engines.xtts.voices import SAMPLE_RATE, check, clips_of, studio_voices, tensors_of
from speech.errors import SpeechError
from speech.voice_files import Consent, VoiceMeta
from speech.voice_library import VoiceLibrary


def noise(duration_s: float, level: float = 0.1, rate: int = SAMPLE_RATE) -> Audio:
    samples = level * np.random.default_rng(7).standard_normal(int(duration_s * rate))
    return Audio(samples.astype(np.float32).clip(-1, 1), rate)


TELL = """
import sys
from pathlib import Path
from speech.engines.xtts.voices import studio_voices
print(*(f"{voice.voice_id}={name}" for name, voice in studio_voices(Path(sys.argv[1])).items()), sep=";")
print("torch" in sys.modules)
"""


def test_studio_speakers_are_told_without_pytorch(xtts_tiny: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(voices.__file__).parents[3]), "PYTHONIOENCODING": "utf-8"}
    told = subprocess.run(
        [sys.executable, "-c", TELL, str(xtts_tiny)], env=environment, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    expected = "xtts_ana_florence=Ana Florence;xtts_alma_maria=Alma María;xtts_luis_moray=Luis Moray"
    assert told == [expected, "False"]
    voice = studio_voices(xtts_tiny)["Alma María"]
    assert (voice.title, voice.gender, voice.language, voice.is_stock) == ("Alma María", "unknown", "mul", True)
    assert voices.is_stock(voice.voice_id) and studio_voices(tmp_path) == {}


class Hostile:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch hostile",)


@pytest.mark.parametrize("root", [{"Ana": Hostile()}, Hostile(), [1, 2], "text"])
def test_nothing_of_a_speakers_file_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: object) -> None:
    monkeypatch.chdir(tmp_path)
    with zipfile.ZipFile(tmp_path / "speakers_xtts.pth", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(root, protocol=2))
    if isinstance(root, dict):
        assert list(studio_voices(tmp_path)) == ["Ana"]
    else:
        with pytest.raises(SpeechError, match="checkpoint_damaged"):
            studio_voices(tmp_path)
    assert not (tmp_path / "hostile").exists()


def test_a_damaged_speakers_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "speakers_xtts.pth").write_bytes(b"PK\x03\x04 not a zip")
    with pytest.raises(SpeechError, match="checkpoint_damaged"):
        studio_voices(tmp_path)


def test_clips_are_kept_at_the_networks_rate_and_length() -> None:
    tensors = tensors_of([noise(12, rate=48000), noise(0.5), noise(12), noise(12), noise(12)])
    check("xtts-v2", "", tensors)
    clips = clips_of(tensors)
    assert [round(len(clip) / SAMPLE_RATE, 1) for clip in clips] == [12.0, 12.0, 6.0]  # nothing under a second
    assert sum(len(clip) for clip in clips) == 30 * SAMPLE_RATE
    assert np.abs(clips[1] - noise(12).samples).max() < 1e-3


@pytest.mark.parametrize(
    ("tensors", "code"),
    [
        (tensors_of([noise(1.2)]), "reference_too_short"),
        (tensors_of([noise(5, level=0.001)]), "reference_silent"),
        ({"reference": np.zeros(70000, np.float16)}, "voice_tensor_unknown"),
        ({**tensors_of([noise(5)]), "style": np.zeros(1, np.float32)}, "voice_tensor_unknown"),
        ({**tensors_of([noise(5)]), "clip_samples": np.array([1], np.int32)}, "voice_tensor_shape"),
        ({**tensors_of([noise(5)]), "clip_samples": np.array([], np.int32)}, "voice_tensor_shape"),
        ({**tensors_of([noise(5)]), "reference": np.zeros((2, 5), np.float16)}, "voice_tensor_shape"),
        ({**tensors_of([noise(5)]), "reference": np.full(110250, np.nan, np.float16)}, "voice_tensor_values"),
        ({**tensors_of([noise(5)]), "reference": np.full(110250, 9, np.float16)}, "voice_tensor_values"),
    ],
)
def test_what_is_no_reference_is_refused(tensors: dict[str, np.ndarray], code: str) -> None:
    with pytest.raises(SpeechError) as refused:
        check("xtts-v2", "", tensors)
    assert refused.value.code == code


def test_half_a_second_is_no_reference() -> None:
    with pytest.raises(SpeechError, match="reference_too_short"):
        tensors_of([noise(0.5)])


def test_a_library_keeps_the_voice_and_refuses_the_ids_of_studio_speakers(tmp_path: Path) -> None:
    library, tensors = VoiceLibrary(tmp_path), tensors_of([noise(5)])
    consent = Consent("I agree.", "2026-11-22T19:00:00+00:00")
    values = ("xtts", "pt-BR", "female", "", "2026-11-22T19:00:00+00:00", "xtts-v2", "", "reference", 5.0, consent)
    kept = library.add(VoiceMeta("ana", "Ana", *values), tensors, {})
    assert library.get("ana") == kept and library.path("ana").stat().st_size < 300_000
    with pytest.raises(SpeechError, match="voice_exists"):
        library.add(VoiceMeta("xtts_ana_florence", "Ana", *values), tensors, {})
    with pytest.raises(SpeechError, match="reference_too_short"):
        library.add(VoiceMeta("bia", "Bia", *values), tensors_of([noise(2)]), {})
    assert [meta.voice_id for meta in library.list()] == ["ana"]
