"""A fifth engine and a second converter, each one record in a package of its own, are found wherever one is named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from api_service import SILENCE, Service, running

from app.cli import main
from app.host.wire import dump_plan, load_plan
from speech.audio import Audio, load
from speech.plan import ConversionAsked
from speech.voice_files import Consent, VoiceMeta
from speech.voice_folder import SpokenClip

RECORDS = """
from dataclasses import replace

from speech.engines.base import Choice, ConverterInfo, Parameter
from speech.engines.records import ConverterRecord, EngineRecord, Installation, Preset
from speech.engines.silence import Silence
from speech.profiles import built_in

PARAMETERS = (Parameter("speed", 1.0, 0.5, 2.0), Parameter("hum_hz", 220, 100, 400))
ENGINE = EngineRecord(
    info=replace(Silence.info, name="hum", title="Hum", parameters=PARAMETERS, can_clone=True),
    target="hum_package.sound:Hum",
    install=Installation(packages=("wave",), command="pip install hum"),
    voice_source="reference",
    voice_format="hum_package.sound",
    profiles=(built_in("hum", PARAMETERS, "low", "A low hum", True, hum_hz=110),),
    presets=(Preset("hummer", {"en": "A hum", "pt-BR": "Um zumbido"}, {"pt": "hum_one"}),),
)
CONVERTER = ConverterRecord(
    info=ConverterInfo("half", "Half", 12000, "MIT", (Choice("step", "even", ("even", "odd")),)),
    target="hum_package.sound:Half",
)
"""
SOUND = """
import numpy as np

from speech.audio import Audio
from speech.engines.base import Chunk, Conversion
from speech.errors import SpeechError
from speech.voice_folder import ListedVoices, VoiceFolder
from speech.voices import Voice

from hum_package.records import CONVERTER, ENGINE

RATE = 24000


def is_stock(voice_id):
    return voice_id.startswith("hum_")


def check_clips(clips):
    if sum(clip.duration_s for clip in clips) < ENGINE.reference_s[0]:
        raise SpeechError("reference_too_short", duration_s=0.0, minimum_s=ENGINE.reference_s[0])


class Loaded:
    def __init__(self, options):
        self.is_loaded = False
        self.listed = ListedVoices(VoiceFolder(options.voices_dir), "hum", ENGINE.reference_s[0])

    def check(self):
        pass

    def needed_bytes(self):
        return 10

    def load(self, device):
        self.is_loaded = True

    def unload(self):
        self.is_loaded = False

    def memory_bytes(self):
        return 10 * self.is_loaded


class Hum(Loaded):
    info = ENGINE.info

    def voices(self):
        return (Voice("hum_one", "hum", "pt-BR", "female", "Hum"), *self.listed.voices())

    def speak(self, request):
        for sentence in request.sentences:
            moments = np.arange(len(sentence.text) * 1200) / RATE
            yield Chunk(np.sin(2 * np.pi * request.parameters["hum_hz"] * moments).astype(np.float32) / 2, RATE)


class Half(Loaded):
    info = CONVERTER.info

    def voices(self):
        return (Voice("half_one", "half", "mul", "unknown", "Half"),)

    def convert(self, audio, request, progress):
        assert self.is_loaded
        first = 0 if request.parameters["step"] == "even" else 1
        return Conversion(Audio(audio.samples[first::2].copy(), 12000), 0.0, audio.duration_s)
"""
ADDED = {"hum": "hum_package.records:ENGINE", "half": "hum_package.records:CONVERTER"}
TEXT = "Bom dia. Tudo bem?"


@pytest.fixture(autouse=True)
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "packages" / "hum_package"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "records.py").write_text(RECORDS)
    (folder / "sound.py").write_text(SOUND)
    monkeypatch.syspath_prepend(folder.parent)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with running(tmp_path / "data", extra_engines=ADDED | SILENCE) as service:
        yield service


def test_the_routes_and_what_the_page_reads_list_both(service: Service) -> None:
    get = service.client.get
    health = get("/health/engines").json()
    (hum,) = [engine for engine in health["engines"] if engine["name"] == "hum"]
    assert (hum["title"], hum["available"], hum["voice_source"]) == ("Hum", True, "reference")
    (half,) = [converter for converter in health["converters"] if converter["name"] == "half"]
    assert (half["title"], half["available"], half["parameters"]) == ("Half", True, ["step"])
    spoken = {one["code"]: one["engines"] for one in get("/languages").json()["languages"]}
    assert "hum" in spoken["pt-BR"] and "hum" not in spoken["ja"]
    assert "hum" in [model["id"] for model in get("/v1/models").json()["data"]]
    (profile,) = get("/quality-profiles").json()["hum_profiles"]
    assert (profile["id"], profile["parameters"]) == ("hum_low", {"speed": 1.0, "hum_hz": 110})
    (preset,) = [one for one in get("/presets").json()["presets"] if one["engine"] == "hum"]
    assert (preset["id"], preset["voices"]) == ("hummer", {"pt": "hum_one"})
    assert get("/voices?engine=hum").json()["voices"][0]["id"] == "hum_one"


def test_a_job_is_spoken_by_it_named_or_not_and_goes_through_the_converter(service: Service) -> None:
    named = service.completed(TEXT, tts_engine="hum")
    assert (named["voice_preset"], named["voice_id"], named["engine_reason"]) == ("hummer", "hum_one", "requested")
    assert (named["quality_profile"], named["parameters"]["hum_hz"]) == ("hum_low", 110)
    by_voice = service.completed(TEXT, voice_id="hum_one")
    by_preset = service.completed(TEXT, voice_preset="hummer")
    assert [(job["tts_engine_used"], job["engine_reason"]) for job in (by_voice, by_preset)] == [
        ("hum", "voice"),
        ("hum", "preset"),
    ]
    synthesizer = service.services.synthesizer
    asked = ConversionAsked("half", "half_one", {"step": "odd"})
    voice = {"engine": "hum", "language": "pt-BR", "voice": "hum_one"}
    plain, plan = synthesizer.plan(TEXT, **voice), synthesizer.plan(TEXT, **voice, conversion=asked)
    assert (plain.sample_rate, plan.sample_rate) == (24000, 12000)
    assert load_plan(dump_plan(plan)) == plan  # as it goes to an engine host
    whole, halved = list(synthesizer.speak(plain)), list(synthesizer.speak(plan))
    assert [chunk.ends for chunk in halved] == [1, 1]
    for before, after in zip(whole, halved, strict=True):
        assert np.array_equal(after.samples, before.samples[1::2])
    assert set(synthesizer.pool_stats().loaded) >= {"hum", "converter half"}


def test_a_voice_of_clips_is_made_for_it_and_heard(service: Service) -> None:
    assert service.services.cloning.engines()[-1] == "hum" and not service.services.cloning.is_fitted("hum")
    consent = Consent("Sim.", "2026-11-29T00:00:00Z")
    made = ("pt-BR", "female", "", "2026-11-29T00:00:00Z", "", "", "reference", 4.0, consent)
    clip = SpokenClip(Audio(np.full(4 * 24000, 0.1, np.float32), 24000), "Olá.")
    service.services.cloning.library().add(VoiceMeta("ana", "Ana", "hum", *made), {}, {}, [clip])
    ana = service.client.get("/voices/ana").json()
    assert (ana["engine"], ana["engines"]) == ("hum", ["hum", "xtts", "f5tts", "pocket"]) and ana["is_stock"] is False
    job = service.completed(TEXT, mode="dubbing_with_clone", voice_id="ana")
    assert (job["tts_engine_used"], job["engine_reason"]) == ("hum", "voice")


def test_the_command_line_speaks_with_it_and_doctor_names_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PAPAGAIO_EXTRA_ENGINES", json.dumps(ADDED))
    monkeypatch.setenv("PAPAGAIO_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    words = ["speak", TEXT, "--engine", "hum", "--profile", "low", "-o", str(tmp_path / "hum.wav")]
    assert main(words) == 0 and "hum_one" in capsys.readouterr().out
    assert load(tmp_path / "hum.wav").duration_s == pytest.approx(0.05 * (len(TEXT) - 1), abs=0.01)
    main(["doctor"])
    told = capsys.readouterr().out
    assert "ok  hum: " in told and "ok  Conversion / Half: " in told
    (tmp_path / "a.wav").write_bytes(b"")
    main(["clone", str(tmp_path / "a.wav"), "--name", "Ana", "--consent", "--engine", "nobody"])
    assert "hum" in capsys.readouterr().err
    main(["convert", str(tmp_path / "a.wav"), "--voice", "nobody", "-o", str(tmp_path / "b.wav")])
    assert "half_one" in capsys.readouterr().err
