"""The service room: jobs, HTTP, page, accounts and metrics."""

VERSION = "0.1.0"  # of the whole product; pyproject.toml reads it here
