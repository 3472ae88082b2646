"""Whole files or none."""

import os
from pathlib import Path

import pytest

from speech.files import fresh_folder, replacing, write_whole


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


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_a_fresh_folder_has_the_mode_that_the_process_gives(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        made = [fresh_folder(tmp_path, ".new-") for _ in range(2)]
    finally:
        os.umask(before)
    assert made[0] != made[1] and {folder.stat().st_mode & 0o777 for folder in made} == {0o777 & ~mask}
