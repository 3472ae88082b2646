"""Quality profiles: the tables of the base API, ranges, types."""

import math

import pytest

from speech.engines.base import Choice, Parameter
from speech.engines.f5.record import PARAMETERS as F5TTS
from speech.engines.kokoro.record import PARAMETERS as KOKORO
from speech.engines.records import EngineRecord
from speech.engines.registry import ENGINES
from speech.engines.silence import Silence
from speech.engines.xtts.record import PARAMETERS as XTTS
from speech.errors import SpeechError
from speech.profiles import checked, checked_with_choices

PARAMETERS = {record.name: record.info.parameters for record in ENGINES}
BUILT_IN = [profile for record in ENGINES for profile in record.built_in_profiles()]


def parameters(profile_id: str) -> dict[str, float | bool]:
    (found,) = [profile for profile in BUILT_IN if profile.profile_id == profile_id]
    return dict(found.parameters)


def test_the_built_ins_are_those_of_the_tables() -> None:
    assert [profile.profile_id for profile in BUILT_IN] == [
        *("kokoro_balanced", "kokoro_audiobook", "kokoro_brisk"),
        *("xtts_balanced", "xtts_expressive", "xtts_stable"),
        *("f5tts_ultra_natural", "f5tts_ultra_quality", "f5tts_balanced", "f5tts_fast"),
        "pocket_balanced",
    ]
    defaults = {profile.profile_id for profile in BUILT_IN if profile.is_default}
    assert defaults == {"kokoro_balanced", "xtts_balanced", "f5tts_ultra_natural", "pocket_balanced"}


@pytest.mark.parametrize("profile", BUILT_IN, ids=lambda profile: profile.profile_id)
def test_a_built_in_holds_every_parameter_within_its_range(profile) -> None:
    table = PARAMETERS[profile.engine]
    assert set(profile.parameters) == {parameter.name for parameter in table}
    assert checked(profile.engine, table, profile.parameters) == profile.parameters


def test_values_of_the_tables() -> None:
    assert parameters("kokoro_audiobook") == {"speed": 0.95, "sentence_pause_s": 0.45}
    assert parameters("kokoro_brisk") == {"speed": 1.15, "sentence_pause_s": 0.15}
    assert parameters("xtts_expressive") == {
        "temperature": 0.85,
        "repetition_penalty": 1.3,
        "top_p": 0.95,
        "top_k": 70,
        "length_penalty": 1.3,
        "speed": 0.98,
        "enable_text_splitting": False,
    }
    natural, fast = parameters("f5tts_ultra_natural"), parameters("f5tts_fast")
    assert (natural["nfe_step"], natural["cfg_strength"], natural["speed"]) == (48, 2.5, 0.9)
    assert (natural["target_loudness"], natural["deessing_frequency"]) == (-16, 7000)
    switches = ("denoise_audio", "enhance_prosody", "apply_declipping", "apply_deessing", "add_breathing")
    assert [fast[name] for name in switches] == [False] * 5


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("pitch", 1.0, "unknown_parameter"),
        ("temperature", 0.09, "parameter_out_of_range"),
        ("temperature", 1.01, "parameter_out_of_range"),
        ("temperature", math.nan, "parameter_out_of_range"),
        ("temperature", math.inf, "parameter_out_of_range"),
        ("temperature", "0.5", "parameter_of_wrong_type"),
        ("temperature", True, "parameter_of_wrong_type"),
        ("temperature", None, "parameter_of_wrong_type"),
        ("top_k", 60.5, "parameter_of_wrong_type"),
        ("top_k", math.nan, "parameter_of_wrong_type"),
        ("top_k", math.inf, "parameter_of_wrong_type"),
        ("top_k", 9, "parameter_out_of_range"),
        ("enable_text_splitting", 1, "parameter_of_wrong_type"),
    ],
)
def test_a_wrong_parameter_is_named_with_its_value(name: str, value: object, code: str) -> None:
    with pytest.raises(SpeechError) as caught:
        checked("xtts", XTTS, {name: value})
    assert caught.value.code == code
    assert caught.value.values["parameter"] == name


@pytest.mark.parametrize("table", [KOKORO, XTTS, F5TTS])
def test_both_ends_of_a_range_are_in_it(table) -> None:
    for parameter in table:
        for end in (parameter.minimum, parameter.maximum):
            if end is not None:
                assert checked("any", table, {parameter.name: end})[parameter.name] == end


def test_an_engine_without_a_table_has_one_profile_of_its_defaults() -> None:
    (profile,) = EngineRecord(Silence.info).built_in_profiles()
    assert (profile.profile_id, profile.is_default) == ("silence_balanced", True)
    assert profile.parameters == {"speed": 1.0, "sentence_pause_s": 0.25}


def test_a_table_with_choices_takes_its_words_alone() -> None:
    table = (Choice("method", "rmvpe", ("rmvpe", "harvest")), Parameter("protect", 0.33, 0.0, 0.5))
    assert checked_with_choices("rvc", table, {}) == {"method": "rmvpe", "protect": 0.33}
    assert checked_with_choices("rvc", table, {"method": "harvest", "protect": 0.5})["method"] == "harvest"
    for given, code in (
        ({"method": "yin"}, "parameter_not_a_choice"),
        ({"method": 1}, "parameter_not_a_choice"),
        ({"protect": 0.6}, "parameter_out_of_range"),
        ({"protect": "harvest"}, "parameter_of_wrong_type"),
        ({"index": 1}, "unknown_parameter"),
    ):
        with pytest.raises(SpeechError) as caught:
            checked_with_choices("rvc", table, given)
        assert caught.value.code == code
