"""What is known of XTTS-v2 before it is imported."""

from __future__ import annotations

from functools import partial

from speech.engines.base import EngineInfo, Parameter
from speech.engines.records import EngineRecord, Installation
from speech.engines.xtts.cleaning import INSTALL_COMMAND
from speech.engines.xtts.tokenizer import CHAR_LIMITS, CODES
from speech.profiles import built_in

ENGINE = "xtts"
MODEL = "xtts-v2"
SAMPLE_RATE = 24000
# The tags of the engine's languages: the region only where Papagaio has several, as for the embedded voice.
LANGUAGES = {tag if code in ("pt", "en") else tag.partition("-")[0]: code for tag, code in CODES.items()}
PARAMETERS = (
    Parameter("temperature", 0.75, 0.1, 1.0),
    Parameter("repetition_penalty", 1.5, 1.0, 3.0),
    Parameter("top_p", 0.9, 0.5, 1.0),
    Parameter("top_k", 60, 10, 100),
    Parameter("length_penalty", 1.2, 0.5, 2.0),
    Parameter("speed", 1.0, 0.5, 2.0),
    Parameter("enable_text_splitting", False),
)

_profile = partial(built_in, ENGINE, PARAMETERS)

RECORD = EngineRecord(
    info=EngineInfo(
        name=ENGINE,
        title="XTTS v2",
        languages=tuple(LANGUAGES),
        sample_rate=SAMPLE_RATE,
        licence="LicenseRef-CPML",
        licence_url="https://huggingface.co/coqui/XTTS-v2/blob/6c2b0d75eae4b7047358e3b6bd9325f857d43f77/LICENSE.txt",
        parameters=PARAMETERS,
        max_chars=max(CHAR_LIMITS.values()),
        char_limits={tag: CHAR_LIMITS[code] for tag, code in LANGUAGES.items()},
        can_clone=True,
        is_commercial=False,
        devices=("cpu", "cuda"),
        is_seeded=True,
        batch_size=8,
        without_effect=("length_penalty",),  # it ranks beams, and there is one, as in the reference implementation
    ),
    target="speech.engines.xtts.engine:XttsEngine",
    install=Installation(
        packages=("torch", "tokenizers"),
        command=INSTALL_COMMAND,
        requirements="requirements-xtts.txt",
        packages_mb=(250, 1041),
        weights={precision: (MODEL,) for precision in ("auto", "fp32", "bf16", "int8")},
        is_announced=False,
    ),
    voice_source="reference",
    reference_s=(3.0, 30.0),  # the network hears no more
    least_recording_s=3.0,
    least_speech_s=3.0,
    voice_format="speech.engines.xtts.voices",
    blender="speech.engines.xtts.blending:tensors_of",
    profiles=(
        _profile("balanced", "Naturalness and stability in balance", True),
        _profile(
            "expressive",
            "More variation in the voice",
            temperature=0.85,
            repetition_penalty=1.3,
            top_p=0.95,
            top_k=70,
            length_penalty=1.3,
            speed=0.98,
        ),
        _profile(
            "stable",
            "The least variation, for long texts",
            temperature=0.7,
            repetition_penalty=1.7,
            top_p=0.85,
            top_k=55,
            length_penalty=1.1,
            enable_text_splitting=True,
        ),
    ),
    template_values={
        "podcast": {"temperature": 0.8, "top_p": 0.92},
        "audiobook": {
            "temperature": 0.7,
            "repetition_penalty": 1.7,
            "top_p": 0.85,
            "top_k": 55,
            "enable_text_splitting": True,
        },
        "voice_message": {"temperature": 0.75},
    },
    auto_rank=2,
)
