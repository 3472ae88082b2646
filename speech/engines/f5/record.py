"""What is known of F5-TTS: the parameters and profiles of the base API; the engine itself is not built yet."""

from __future__ import annotations

from functools import partial

from speech.engines.base import EngineInfo, Parameter
from speech.engines.records import EngineRecord
from speech.profiles import built_in

ENGINE = "f5tts"
PARAMETERS = (
    Parameter("nfe_step", 32, 8, 64),
    Parameter("cfg_strength", 2.0, 1.0, 5.0),
    Parameter("speed", 1.0, 0.5, 2.0),
    Parameter("sway_sampling_coef", -1.0, -1.0, 1.0),
    Parameter("denoise_audio", True),
    Parameter("noise_reduction_strength", 0.7, 0.0, 1.0),
    Parameter("enhance_prosody", True),
    Parameter("prosody_strength", 0.8, 0.0, 1.0),
    Parameter("apply_normalization", True),
    Parameter("target_loudness", -20.0, -30.0, -10.0),
    Parameter("apply_declipping", True),
    Parameter("apply_deessing", True),
    Parameter("deessing_frequency", 6000, 4000, 10000),
    Parameter("add_breathing", True),
    Parameter("breathing_strength", 0.3, 0.0, 1.0),
    Parameter("pause_optimization", True),
)

_profile = partial(built_in, ENGINE, PARAMETERS)

RECORD = EngineRecord(
    info=EngineInfo(
        name=ENGINE,
        title="F5-TTS",
        languages=(),
        sample_rate=24000,
        licence="CC-BY-NC-4.0",
        parameters=PARAMETERS,
        is_commercial=False,
        is_seeded=True,
    ),
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
)
