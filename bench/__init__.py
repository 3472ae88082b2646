"""One script a claim; each prints its figures and writes them as JSON with machine and versions."""
