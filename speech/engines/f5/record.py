"""What is known of F5-TTS before it is imported."""

from __future__ import annotations

from functools import partial

from speech import processing
from speech.engines.base import EngineInfo, Parameter
from speech.engines.records import EngineRecord, Installation
from speech.profiles import built_in

ENGINE = "f5tts"
PARAMETERS = (
    Parameter("nfe_step", 32, 8, 64),
    Parameter("cfg_strength", 2.0, 1.0, 5.0),
    Parameter("speed", 1.0, 0.5, 2.0),
    Parameter("sway_sampling_coef", -1.0, -1.0, 1.0),
    *processing.PARAMETERS,
)

_profile = partial(built_in, ENGINE, PARAMETERS)

RECORD = EngineRecord(
    info=EngineInfo(
        name=ENGINE,
        title="F5-TTS",
        # Of the publishers' checkpoint, and of those that others have made of it; a folder may name its own.
        languages=("pt-BR", "en-US", "zh", "es", "fr", "de", "it", "ru"),
        sample_rate=24000,
        licence="CC-BY-NC-4.0",
        licence_url="https://huggingface.co/SWivid/F5-TTS",
        parameters=PARAMETERS,
        max_chars=200,
        can_clone=True,
        is_commercial=False,
        devices=("cpu", "cuda"),
        is_seeded=True,
        takes_reference_text=True,
        batch_size=4,
    ),
    target="speech.engines.f5.engine:F5Engine",
    install=Installation(
        packages=("torch", "rjieba", "pypinyin"),
        command="./run f5",
        requirements="requirements-f5.txt",
        weights={"fp32": (), "bf16": ()},  # in a folder of the operator's own
        is_announced=False,
    ),
    voice_source="reference",
    reference_s=(3.0, 12.0),  # it was trained on a few seconds; what is longer takes the place of new speech
    voice_format="speech.engines.f5.voices",
    profiles=(
        _profile(
            "ultra_natural",
            "The most natural, slow to make",
            True,
            nfe_step=48,
            cfg_strength=2.5,
            speed=0.9,
            prosody_strength=0.9,
            target_loudness=-16.0,
            deessing_frequency=7000,
            breathing_strength=0.5,
        ),
        _profile(
            "ultra_quality",
            "The most steps, slowest to make",
            nfe_step=64,
            noise_reduction_strength=0.85,
            prosody_strength=0.9,
            target_loudness=-16.0,
            deessing_frequency=7000,
            breathing_strength=0.4,
        ),
        _profile(
            "balanced",
            "Quality and time in balance",
            noise_reduction_strength=0.5,
            target_loudness=-14.0,
            apply_declipping=False,
            add_breathing=False,
        ),
        _profile(
            "fast",
            "Quick to make",
            nfe_step=16,
            cfg_strength=1.5,
            denoise_audio=False,
            enhance_prosody=False,
            target_loudness=-14.0,
            apply_declipping=False,
            apply_deessing=False,
            add_breathing=False,
            pause_optimization=False,
        ),
    ),
    # Its steps are on where nothing is said, so that a template says which are not.
    template_values={
        "podcast": {"noise_reduction_strength": 0.5, "prosody_strength": 0.9, "breathing_strength": 0.4},
        "audiobook": {
            "nfe_step": 48,
            "noise_reduction_strength": 0.5,
            "prosody_strength": 0.6,
            "breathing_strength": 0.3,
            "pause_optimization": False,
        },
        "voice_message": {
            "nfe_step": 16,
            "cfg_strength": 1.5,
            "denoise_audio": False,
            "enhance_prosody": False,
            "apply_declipping": False,
            "apply_deessing": False,
            "add_breathing": False,
        },
    },
)
