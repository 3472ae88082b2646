"""Settings: the environment over a file over the defaults; unknown names and bad values are refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.settings import Settings, load_settings
from speech.errors import SpeechError


def test_environment_over_file_over_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "papagaio.toml"
    file.write_text('port = 9000\nworkers = 3\n[extra_engines]\nmine = "m:C"\n')
    monkeypatch.setenv("PAPAGAIO_CONFIG", str(file))
    monkeypatch.setenv("PAPAGAIO_PORT", "9001")
    settings = load_settings()
    assert (settings.port, settings.workers, settings.extra_engines) == (9001, 3, {"mine": "m:C"})
    assert (settings.host, load_settings(port=9002).port) == ("127.0.0.1", 9002)


def test_an_unknown_variable_is_named_with_the_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAPAGAIO_PROT", "9001")
    with pytest.raises(SpeechError, match="unknown_setting.*PAPAGAIO_PROT.*PAPAGAIO_PORT"):
        load_settings()


@pytest.mark.parametrize("line", ["prot = 1", "port = 70000", 'kokoro_precision = "int4"', "lease_s = 0", "port ="])
def test_a_bad_file_is_refused(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "papagaio.toml"
    file.write_text(line)
    monkeypatch.setenv("PAPAGAIO_CONFIG", str(file))
    with pytest.raises(SpeechError, match="bad_setting"):
        load_settings()


def test_a_missing_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAPAGAIO_CONFIG", str(tmp_path / "absent.toml"))
    with pytest.raises(SpeechError, match="bad_setting"):
        load_settings()


def test_every_field_says_what_it_means() -> None:
    assert all(field.description for field in Settings.model_fields.values())


def test_folders_follow_the_data_folder(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    assert (settings.models_path, settings.url) == (tmp_path / "models", f"sqlite:///{tmp_path}/papagaio.db")
    assert Settings(models_dir=tmp_path / "m").models_path == tmp_path / "m"
