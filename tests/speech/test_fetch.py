"""What is fetched comes from servers of the web."""

from __future__ import annotations

from pathlib import Path

import pytest

from speech.errors import SpeechError
from speech.fetch import download, is_reachable


@pytest.mark.parametrize("scheme", ["file", "ftp", "data", "FILE", ""])
def test_what_is_not_of_the_web_is_no_source(tmp_path: Path, scheme: str) -> None:
    kept = tmp_path / "kept"
    kept.write_bytes(b"0123456789")
    url = kept.as_uri().replace("file:", f"{scheme}:" if scheme else "", 1)
    assert not is_reachable(url)
    with pytest.raises(SpeechError) as refused:
        download(url, tmp_path / "part", 10, lambda done: None)
    assert refused.value.code == "source_failed" and not (tmp_path / "part").exists()
