"""The eight presets of the base API, each a real voice of its own in Portuguese and in English."""

from __future__ import annotations

from speech.engines.records import Preset


def _preset(name: str, english: str, portuguese: str, pt: str, en: str) -> Preset:
    return Preset(name, {"en": english, "pt-BR": portuguese}, {"pt": pt, "en": en})


PRESETS = (
    _preset("female_generic", "Woman, clear and neutral", "Mulher, clara e neutra", "pf_dora", "af_heart"),
    _preset("male_generic", "Man, clear and neutral", "Homem, claro e neutro", "pm_alex", "am_michael"),
    _preset("female_young", "Young woman, bright", "Mulher jovem, voz clara", "pf_dora_sara", "af_nova"),
    _preset("male_deep", "Man, deep", "Homem, voz grave", "pm_alex_michael", "am_onyx"),
    _preset("female_warm", "Woman, warm", "Mulher, voz acolhedora", "pf_dora_bella", "af_bella"),
    _preset("male_warm", "Man, warm", "Homem, voz acolhedora", "pm_santa", "am_fenrir"),
    _preset("female_soft", "Woman, soft", "Mulher, voz suave", "pf_dora_sky", "af_sarah"),
    _preset("male_soft", "Man, soft", "Homem, voz suave", "pm_alex_eric", "am_puck"),
)
