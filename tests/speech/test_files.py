"""Whole files or none."""

from pathlib import Path

import pytest

from speech.files import replacing, write_whole


def test_a_file_is_replaced_whole_with_a_mode_that_others_can_read(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.json"
    write_whole(path, "olá\r\n")
    write_whole(path, b"second")
    assert path.read_bytes() == b"second"
    (tmp_path / "plain").touch()
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert [each.name for each in path.parent.iterdir()] == ["a.json"]


def test_an_error_leaves_the_file_as_it_was_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"before")
    with pytest.raises(OSError, match="full"), replacing(path) as temporary:
        assert temporary.suffix == ".wav" and temporary.parent == tmp_path
        temporary.write_bytes(b"half")
        raise OSError("disk full")
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("a.wav", b"before")]
