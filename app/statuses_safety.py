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
BATCHES = {
    "batch_columns": 422,
    "batch_empty": 422,
    "batch_file_unreadable": 400,
    "batch_not_found": 404,
    "batch_nothing_to_retry": 409,
    "batch_rows_bad": 422,
    "batch_too_many": 413,
    "batch_without_sound": 409,
}
FEEDBACK = {
    "feedback_not_found": 404,
}
SHARES = {
    "share_not_found": 404,
    "share_over": 410,
}
UPLOADS = {
    "upload_infected": 422,
    "upload_not_scanned": 503,
    "upload_not_sound": 415,
}

COMPONENTS = {  # what is brought afterwards
    "component_being_installed": 409,
    "component_disk_full": 507,
    "component_failed": 500,
    "component_installed": 409,
    "component_licence": 409,
    "component_unreachable": 503,
    "install_not_allowed": 403,
    "requirements_missing": 500,
    "unknown_component": 404,
}
