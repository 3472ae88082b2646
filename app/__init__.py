"""The service room: jobs, HTTP, page, accounts and metrics."""
