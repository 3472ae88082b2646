"""What is known of Pocket TTS before it is imported."""

from __future__ import annotations

from speech.engines.base import EngineInfo, Parameter
from speech.engines.records import EngineRecord, Installation

ENGINE = "pocket"
SAMPLE_RATE = 24000
# By tag, the word that the publishers' names of models begin with; there is one network for each language.
LANGUAGES = {
    "pt-BR": "portuguese",
    "en-US": "english",
    "es": "spanish",
    "fr": "french",
    "de": "german",
    "it": "italian",
    "nl": "dutch",
}
PARAMETERS = (
    Parameter("temperature", 0.3, 0.05, 1.5),
    Parameter("decode_steps", 1, 1, 16),
    Parameter("noise_clamp", 0.0, 0.0, 5.0),  # 0: none
    Parameter("context_s", 0.0, 0.0, 20.0),  # 0: each sentence by itself
)

RECORD = EngineRecord(
    info=EngineInfo(
        name=ENGINE,
        title="Pocket TTS",
        languages=tuple(LANGUAGES),  # of the publishers' models; a folder speaks those that it has
        sample_rate=SAMPLE_RATE,
        licence="CC-BY-4.0",  # of the weights; the package is MIT
        parameters=PARAMETERS,
        max_chars=200,
        can_clone=True,
        is_seeded=True,
    ),
    target="speech.engines.pocket.engine:PocketEngine",
    install=Installation(
        packages=("torch", "pocket_tts"),
        command="./run pocket",
        requirements="requirements-pocket.txt",
        weights={"fp32": (), "int8": ()},  # in a folder of the operator's own
        is_announced=False,
    ),
    voice_source="reference",
    voice_format="speech.engines.pocket.voices",
    template_values={
        "podcast": {"temperature": 0.4},
        "audiobook": {"temperature": 0.2},
        "voice_message": {"temperature": 0.3},
    },
)
