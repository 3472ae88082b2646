"""Which scope a request needs: by method, and by the places where that is not the rule. One table, read by a test."""

from __future__ import annotations

from app.callers import Scope

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# Beginnings of paths, the first that fits decides; None: nobody needs to sign in.
RULES: tuple[tuple[str, str, Scope | None], ...] = (
    ("*", "/auth/", None),
    ("*", "/shared/", None),  # the link is the permission
    ("GET", "/health/live", None),
    ("GET", "/health/ready", None),
    ("GET", "/webui", None),
    ("GET", "/docs", None),
    ("GET", "/openapi.json", None),
    ("*", "/admin", "admin"),
    ("*", "/users", "admin"),
    ("*", "/audit", "admin"),
    ("POST", "/feedback", "speak"),  # everybody's, as votes are
    ("*", "/feedback", "admin"),
    ("POST", "/components", "admin"),
    ("GET", "/metrics", "admin"),
    ("GET", "/api-keys", "read"),  # everybody's own
    ("*", "/api-keys", "keys"),
    ("POST", "/jobs", "speak"),
    ("PUT", "/jobs", "speak"),  # votes
    ("DELETE", "/jobs", "speak"),
    ("POST", "/text/preview", "speak"),
    ("POST", "/v1/audio/voices", "make"),
    ("POST", "/v1/audio", "speak"),
    ("POST", "/v1/text-to-speech", "speak"),
    ("*", "/tts", "speak"),  # GPT-SoVITS' and xtts-api-server's
    ("POST", "/set_tts_settings", "speak"),
    ("POST", "/switch_model", "speak"),
    ("*", "/xtts/", "speak"),
    ("*", "/api/", "speak"),
    ("POST", "/v1/finetune/synthesize", "speak"),
    ("POST", "/training/inference", "speak"),
    ("POST", "/training/synthesize", "speak"),
    ("POST", "/training/comparisons", "speak"),  # votes
    ("POST", "/training/sounds/", "speak"),  # links to what one made
    ("DELETE", "/training/sounds/", "speak"),
    ("POST", "/voices/convert", "speak"),
)
EXACT: dict[str, Scope | None] = {"/": None}


def needed_scope(method: str, path: str) -> Scope | None:
    """Looking needs `read`, changing `make`, where no rule says otherwise."""
    if path in EXACT:
        return EXACT[path]
    for verb, start, scope in RULES:
        if verb in ("*", method) and path.startswith(start):
            return scope
    return "read" if method in SAFE_METHODS else "make"
