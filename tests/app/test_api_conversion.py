"""`papagaio convert` and POST /voices/convert: asked rightly and wrongly, with ears that hear what a test says."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from api_service import SILENCE, Service, running

from app.cli import main
from app.commands.console import Console
from app.commands.convert import convert_in
from app.tasks import conversion_service, tasks
from app.tasks.conversion_service import ConversionService
from speech.asr import Transcript
from speech.audio import Audio, load, save
from speech.conversion import LONGEST_S, ConvertedRecording, SpeechModels
from speech.dsp import silence
from speech.errors import SpeechError
from speech.synthesis import Synthesizer, SynthesizerOptions
from speech.vad import EnergyDetector

Captured = pytest.CaptureFixture[str]
RATE = 24_000
INVERTING = {"kokoro": "inverting_converter:RECORD"}
WORDS = ("bom dia a todos", "até amanhã então")


class Listener:
    """Hears `words`, one text a piece, in Portuguese."""

    def __init__(self, words: tuple[str, ...], log_probability: float = -0.2) -> None:
        self._words, self._heard, self._log_probability = words, 0, log_probability

    def transcribe(self, audio: Audio, language: str, *, with_words: bool = False) -> Transcript:
        self._heard += 1
        return Transcript(self._words[self._heard - 1], "pt", average_log_probability=self._log_probability)

    def languages(self, audio: Audio) -> Mapping[str, float]:
        return {"pt": 0.97, "en": 0.01, "es": 0.02}


class Rehearsal(ConversionService):
    """With everything it needs, and ears that hear `words`."""

    words, log_probability = WORDS, -0.2

    def models(self, converter: str) -> tuple[str, ...]:
        return ()

    def speech_models(self, converter: str) -> SpeechModels:
        return SpeechModels(EnergyDetector(), Listener(self.words, self.log_probability))


def noise(duration_s: float, level: float = 0.2) -> Audio:
    draw = np.random.default_rng(round(1000 * duration_s))
    return Audio((level * draw.normal(size=round(duration_s * RATE))).astype(np.float32), RATE)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Two stretches of sound, 3 s and 2.5 s, in 8.5 s."""
    parts = [silence(1, RATE), noise(3), silence(1.5, RATE), noise(2.5), silence(0.5, RATE)]
    path = tmp_path / "fala.wav"
    save(Audio(np.concatenate([part.samples for part in parts]), RATE), path)
    return path


@pytest.fixture
def conversion(tmp_path: Path) -> Rehearsal:
    return Rehearsal(Synthesizer(SynthesizerOptions(tmp_path / "models", extra_engines=INVERTING)))


def converted(
    conversion: ConversionService, path: Path, language: str = "", text: str | None = None
) -> ConvertedRecording:
    info, options = conversion.options("pf_dora", language, text, {})
    return conversion.convert(path, info, options, lambda done, total, note: None)


def refused(conversion: ConversionService, path: Path, **asked: Any) -> SpeechError:
    with pytest.raises(SpeechError) as caught:
        converted(conversion, path, **asked)
    return caught.value


def test_what_is_said_is_found_with_its_time(conversion: Rehearsal, recording: Path) -> None:
    made = converted(conversion, recording)
    assert (made.language, made.text, made.is_text_given) == ("pt-BR", " ".join(WORDS), False)
    first, second = made.lines
    assert first.start_s == pytest.approx(1, abs=0.15) and first.end_s == pytest.approx(4, abs=0.15)
    assert second.start_s == pytest.approx(5.5, abs=0.15) and second.end_s == pytest.approx(8, abs=0.15)
    assert made.speech_s == pytest.approx(5.5, abs=0.3) and made.audio.duration_s == pytest.approx(8.5, abs=1e-3)


def test_a_given_text_is_placed_on_the_pieces(conversion: Rehearsal, recording: Path) -> None:
    made = converted(conversion, recording, text="Bom dia a todas. Até amanhã, então!", language="pt")
    assert made.is_text_given and [line.text for line in made.lines] == ["Bom dia a todas.", "Até amanhã, então!"]


def test_a_text_that_is_not_what_is_said_is_refused(conversion: Rehearsal, recording: Path) -> None:
    error = refused(conversion, recording, text="O rato roeu a roupa do rei de Roma, e mais nada.")
    assert error.code == "wrong_text" and "bom dia a todos" in str(error.values["clips"])
    assert refused(conversion, recording, text="a" * 10_001).code == "text_too_long"


def test_another_language_and_unclear_words_are_refused(conversion: Rehearsal, recording: Path) -> None:
    error = refused(conversion, recording, language="en-US")
    assert (error.code, error.values["heard"]) == ("wrong_language", "pt")
    assert refused(conversion, recording, language="ja").code == "language_not_spoken"
    conversion.log_probability = -2.0
    error = refused(conversion, recording)
    assert (error.code, error.values["share_percent"]) == ("speech_unclear", 100)


def test_a_piece_without_words_stays_silent(conversion: Rehearsal, recording: Path) -> None:
    conversion.words = (WORDS[0], "")
    made = converted(conversion, recording)
    assert len(made.lines) == 1 and not made.audio.samples[5 * RATE :].any()


@pytest.mark.parametrize(
    ("sound", "code"),
    [
        (silence(3, RATE), "recording_silent"),
        (noise(4, 0.05), "no_speech_found"),
        (silence(LONGEST_S + 1, 8000), "conversion_too_long"),
        (Audio((0.2 * np.sin(np.arange(4 * RATE) * 0.06)).astype(np.float32), RATE), "only_music"),
    ],
)
def test_sound_without_speech_is_refused_with_what_it_is(
    conversion: Rehearsal, tmp_path: Path, sound: Audio, code: str
) -> None:
    path = tmp_path / "none.wav"
    save(sound, path)
    error = refused(conversion, path)
    assert error.code == code and "none.wav" in map(str, error.values.values())


def test_a_file_that_is_no_sound_is_refused(conversion: Rehearsal, tmp_path: Path) -> None:
    path = tmp_path / "no.wav"
    path.write_bytes(b"RIFF1234WAVEjunk")
    assert refused(conversion, path).code == "recording_unreadable"


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """A service whose conversion rehearses; its check is the real one, with nothing to miss."""
    monkeypatch.setattr(ConversionService, "models", Rehearsal.models)
    monkeypatch.setattr(conversion_service, "LISTENING_MODULES", ())
    with running(tmp_path / "data", extra_engines=INVERTING | SILENCE) as service:
        services = service.services
        service.worker._tasks = tasks(services.synthesizer, services.cloning, Rehearsal(services.synthesizer))
        yield service


def asked(studio: Service, path: Path, **fields: str) -> dict[str, Any]:
    data = {"voice_id": "pf_dora", "language": "pt"} | fields
    response = studio.client.post("/voices/convert", data=data, files={"file": ("fala.wav", path.read_bytes())})
    answer: dict[str, Any] = response.json()
    return answer | {"http": response.status_code}


def test_a_recording_is_converted_over_http(studio: Service, recording: Path, tmp_path: Path) -> None:
    job = asked(studio, recording, output_format="FLAC", pitch="source", text="Bom dia a todos. Até amanhã então.")
    assert (job["http"], job["kind"], job["mode"], job["status"]) == (202, "conversion", "conversion", "pending")
    assert (job["voice_id"], job["source_language"], job["pitch"]) == ("pf_dora", "pt-BR", "source")
    assert job["input_file"] == "fala.wav" and job["ref_text"] == "Bom dia a todos. Até amanhã então."
    assert job["file_size_input"] > 44
    studio.work()
    job = studio.client.get(f"/jobs/{job['id']}").json()
    assert job["status"] == "completed", job
    result = job["result"]
    assert (result["semitones"], result["language"], result["is_text_given"]) == (0.0, "pt-BR", True)
    assert [line["text"] for line in result["lines"]] == ["Bom dia a todos.", "Até amanhã então."]
    assert job["duration"] == pytest.approx(8.5, abs=1e-3) and job["audio_url"].endswith("?format=flac")
    sound = studio.client.get(job["audio_url"])
    assert sound.headers["content-type"] == "audio/flac"
    (tmp_path / "made.flac").write_bytes(sound.content)
    made, source = load(tmp_path / "made.flac"), load(recording)
    assert made.sample_rate == RATE and np.abs(made.samples[30_000:60_000] + source.samples[30_000:60_000]).max() < 1e-3
    assert studio.client.get(f"/jobs/{job['id']}/stream").status_code == 200
    names = sorted(path.name for path in (studio.services.files.root / job["id"]).rglob("*") if path.is_file())
    assert len(names) == 1 and names[0].endswith(".wav")  # the recording itself is gone


def test_what_cannot_be_converted_fails_and_leaves_nothing(studio: Service, tmp_path: Path) -> None:
    save(silence(3, RATE), tmp_path / "fala.wav")
    job = asked(studio, tmp_path / "fala.wav")
    studio.work()
    job = studio.client.get(f"/jobs/{job['id']}").json()
    assert job["status"] == "failed" and job["error"]["code"] == "recording_silent"
    assert studio.services.files.size_bytes() == 0
    assert studio.client.get(f"/jobs/{job['id']}/download").status_code == 409


def test_a_cancelled_conversion_leaves_nothing(
    studio: Service, recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = asked(studio, recording)["id"]

    class Cancelling(Listener):
        def transcribe(self, audio: Audio, language: str, *, with_words: bool = False) -> Transcript:
            studio.services.jobs.cancel(job_id)
            time.sleep(1)  # longer than the heartbeat takes to pass it on, under load too
            return super().transcribe(audio, language)

    monkeypatch.setattr(Rehearsal, "speech_models", lambda *_: SpeechModels(EnergyDetector(), Cancelling(WORDS)))
    studio.work()
    assert studio.client.get(f"/jobs/{job_id}").json()["status"] == "cancelled"
    assert studio.services.files.size_bytes() == 0


def test_a_language_left_out_is_heard(studio: Service, recording: Path) -> None:
    files = {"file": ("fala.wav", recording.read_bytes())}
    job = studio.client.post("/voices/convert", data={"voice_id": "pf_dora"}, files=files).json()
    assert (job["status"], job["source_language"]) == ("pending", None)
    studio.work()
    job = studio.client.get(f"/jobs/{job['id']}").json()
    assert (job["status"], job["source_language"], job["result"]["language"]) == ("completed", "pt-BR", "pt-BR")


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"voice_id": "nobody"}, 404, "unknown_voice"),
        ({"voice_id": "silence_male"}, 422, "conversion_engine"),
        ({"language": "ja"}, 422, "language_not_spoken"),
        ({"pitch": "up"}, 422, "parameter_not_a_choice"),
        ({"output_format": "wma"}, 422, "invalid_request"),
        ({"speed": "2"}, 422, "invalid_request"),
    ],
)
def test_wrong_requests_are_refused_before_anything_is_kept(
    studio: Service, recording: Path, fields: dict[str, str], status: int, code: str
) -> None:
    answer = asked(studio, recording, **fields)
    assert (answer["http"], answer["code"]) == (status, code) and studio.is_empty()


def test_an_empty_file_is_refused(studio: Service, tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    assert asked(studio, tmp_path / "empty.wav")["code"] == "audio_empty" and studio.is_empty()


def test_without_its_models_the_command_that_brings_them_is_said(
    service: Service, recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = asked(service, recording)
    assert (answer["http"], answer["code"]) == (503, "conversion_models_missing")
    assert "papagaio models pull kokoro-int8" in answer["detail"] and service.is_empty()
    monkeypatch.setattr(conversion_service, "LISTENING_MODULES", ("no_such_module",))
    answer = asked(service, recording)
    assert answer["code"] == "conversion_not_installed" and "./run convert" in answer["detail"]


def test_a_person_converts_at_the_terminal(
    conversion: Rehearsal, recording: Path, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.cli import parse

    monkeypatch.setattr(conversion_service, "LISTENING_MODULES", ())
    console = Console("en")
    words = ["convert", str(recording), "--voice", "pf_dora", "-o", str(tmp_path / "made.mp3")]
    assert convert_in(conversion, parse(console, words), console) == 0
    told = capsys.readouterr()
    assert "pf_dora, pt-BR, 8.50 s" in told.out and "+7.0 semitones" in told.out and WORDS[0] in told.out
    assert "saying them again 100 %" in told.err
    assert load(tmp_path / "made.mp3").duration_s == pytest.approx(8.5, abs=0.1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("none.wav", "--voice", "pf_dora", "-o", "x.wav"), "none.wav"),
        (("fala.wav", "--voice", "nobody", "-o", "x.wav"), "pf_dora"),
        (("fala.wav", "--voice", "pf_dora", "-o", "x.wma"), "wav, mp3"),
        (("fala.wav", "--voice", "pf_dora", "-o", "no/x.wav"), "no"),
        (("fala.wav", "--voice", "pf_dora", "-o", "x.wav", "--pitch", "up"), "voice, source"),
        (("fala.wav", "--voice", "pf_dora", "-o", "x.wav", "--language", "ja"), "pt-BR"),
        (("fala.wav", "-o", "x.wav"), "--voice"),
    ],
)
def test_what_is_asked_wrongly_is_answered_in_one_line(
    recording: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(recording.parent)
    monkeypatch.setenv("PAPAGAIO_DATA_DIR", str(recording.parent / "data"))
    assert main(["convert", *words]) == 2
    told = capsys.readouterr()
    assert said in told.err and told.err.count("\n") == 1 and told.out == ""
    assert sorted(path.name for path in recording.parent.iterdir() if path.is_file()) == ["fala.wav"]
