"""What is known of Kokoro before it is imported, and of the converter on its parts."""

from __future__ import annotations

from functools import partial

from speech.engines.base import Choice, ConverterInfo, EngineInfo, Parameter
from speech.engines.kokoro.phonemes import ESPEAK_VOICES
from speech.engines.kokoro.presets import PRESETS
from speech.engines.records import ConverterRecord, EngineRecord, Installation
from speech.profiles import built_in

ENGINE = "kokoro"
TITLE = "Kokoro 82M"
LICENCE = "Apache-2.0"
SAMPLE_RATE = 24000
LANGUAGES = tuple(ESPEAK_VOICES)
PARAMETERS = (
    Parameter("speed", 1.0, 0.5, 2.0),
    Parameter("sentence_pause_s", 0.25, 0.0, 2.0),
)
WEIGHTS = {precision: (f"kokoro-{precision}", "kokoro-voices") for precision in ("int8", "fp32")}
PULL_COMMAND = "papagaio models pull"

_profile = partial(built_in, ENGINE, PARAMETERS)

RECORD = EngineRecord(
    info=EngineInfo(
        name=ENGINE,
        title=TITLE,
        languages=LANGUAGES,
        sample_rate=SAMPLE_RATE,
        licence=LICENCE,
        parameters=PARAMETERS,
        max_chars=300,
        can_glide=True,
    ),
    target="speech.engines.kokoro.engine:KokoroEngine",
    install=Installation(packages=("onnxruntime",), command=PULL_COMMAND, weights=WEIGHTS),
    voice_source="fit",
    fit_models=("kokoro-fp32", "kokoro-voices", "speaker-resemblyzer", "speaker-ecapa", "speaker-eres2net"),
    least_recording_s=10.0,
    least_speech_s=6.0,
    voice_format="speech.engines.kokoro.adapter",
    exporter="speech.engines.kokoro.export:export_onnx",
    blender="speech.engines.kokoro.blending:tensors_of",
    profiles=(
        _profile("balanced", "An even pace for most texts", True),
        _profile("audiobook", "Slower, with longer pauses", speed=0.95, sentence_pause_s=0.45),
        _profile("brisk", "Faster, with short pauses", speed=1.15, sentence_pause_s=0.15),
    ),
    presets=PRESETS,
    auto_rank=1,
)

CONVERTER = ConverterRecord(
    info=ConverterInfo(
        name=ENGINE,
        title=f"{TITLE}, speech to speech",
        sample_rate=SAMPLE_RATE,
        licence=LICENCE,
        # `voice` moves the melody to where the voice speaks, all of it by one ratio, so that a man's recording becomes
        # a woman's voice; `source` keeps the recording's own height.
        parameters=(Choice("pitch", "voice", ("voice", "source")),),
        languages=LANGUAGES,
        needs_text=True,
    ),
    target="speech.engines.kokoro.conversion:KokoroConverter",
    install=Installation(
        packages=("onnxruntime", "swift_f0"),
        command="./run convert --help",
        requirements="requirements-convert.txt",
        packages_mb=(52, 184),
        weights=WEIGHTS,
    ),
)
