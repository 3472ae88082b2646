"""The HTTP status of the errors about mixed voices and RVC models; `app.statuses` holds all."""

from __future__ import annotations

BLENDS = {  # voices mixed of others
    "bad_weight": 400,
    "morph_engines_differ": 422,
    "morph_method": 422,
    "morph_of_blends": 422,
    "morph_path": 422,
    "morph_path_fitted": 422,
    "morph_path_not_kept": 422,
    "morph_path_not_offered": 422,
    "morph_same_voice": 422,
    "morph_voices": 422,
    "morph_weights": 422,
    "engine_cannot_blend": 422,
}

CLONING = {  # voices that clients of other contracts wait for
    "voice_not_made": 409,
}

RVC = {  # RVC, its models, their galleries, and what is wrong with them
    "f0_method_missing": 503,
    "gallery_being_brought": 409,
    "gallery_checksum": 502,
    "gallery_known": 409,
    "gallery_licence": 422,
    "gallery_malformed": 422,
    "gallery_model_unknown": 404,
    "gallery_newer": 422,
    "gallery_unknown": 404,
    "gallery_without_sample": 404,
    "gallery_without_url": 422,
    "rvc_config": 422,
    "rvc_index_damaged": 422,
    "rvc_index_missing": 422,
    "rvc_index_unsupported": 422,
    "rvc_index_width": 422,
    "rvc_intake_limits": 422,
    "rvc_model_silent": 422,
    "rvc_model_unknown": 404,
    "rvc_name_taken": 409,
    "rvc_refused": 400,
    "rvc_suffix": 400,
    "rvc_unsupported": 422,
    "rvc_wrong_kind": 422,
}
