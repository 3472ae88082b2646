"""The HTTP status of the errors about what comes from outside; `app.statuses` holds all."""

from __future__ import annotations

URLS = {  # links that somebody gave
    "url_bad": 422,
    "url_port": 422,
    "url_private": 422,
    "url_redirects": 422,
    "url_scheme": 422,
    "url_status": 502,
    "url_too_large": 413,
    "url_unreachable": 502,
}
