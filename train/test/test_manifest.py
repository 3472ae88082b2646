"""The manifest: what is written is what is read, and nothing else is."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from speech.errors import SpeechError
from train.manifest import Clip, Finding, Manifest

CLIP = Clip(
    clip_id="c001",
    audio_path="clips/c001.wav",
    source="ana.m4a",
    start_s=0.5,
    end_s=4.25,
    duration_s=3.75,
    text="Olá, mundo.",
    recognized_text="Olá mundo",
    language="pt-BR",
    measures={"rms_db": -23.5, "snr_db": 31.0},
    findings=(Finding("noisy", "warning", {"snr_db": 12.0}),),
)
REFUSED = replace(CLIP, clip_id="c002", findings=(*CLIP.findings, Finding("second_speaker", "refused", {})))


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "manifest.jsonl"
    manifest = Manifest((CLIP, replace(REFUSED, text="a line\u2028of two")))
    manifest.save(path)
    assert Manifest.load(path) == manifest
    assert len(path.read_text(encoding="utf-8").split("\n")) == 3
    Manifest(()).save(path)
    assert Manifest.load(path) == Manifest(())
    assert [file.name for file in tmp_path.iterdir()] == ["manifest.jsonl"]


def test_only_refused_clips_are_left_out() -> None:
    manifest = Manifest((CLIP, REFUSED))
    assert manifest.usable() == (CLIP,) and CLIP.is_usable and not REFUSED.is_usable
    assert manifest.duration_s == 7.5 and manifest.usable_s == 3.75
    assert manifest.get("c002") is REFUSED
    with pytest.raises(SpeechError, match="unknown_clip.*c009.*c001"):
        manifest.get("c009")


def test_a_number_that_is_none_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "manifest.jsonl"
    Manifest((CLIP,)).save(path)
    with pytest.raises(ValueError):
        Manifest((replace(CLIP, measures={"snr_db": float("nan")}),)).save(path)
    assert Manifest.load(path) == Manifest((CLIP,)) and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"audio_path": "../other.wav"}, "leaves"),
        ({"audio_path": "/etc/passwd"}, "leaves"),
        ({"colour": "blue"}, "colour"),
        ({"text": None}, "text"),
        ({"duration_s": "long"}, "long"),
        ({"findings": [{"code": "noisy", "severity": "bad", "values": {}}]}, "severity"),
        ({"measures": {"snr_db": "loud"}}, "loud"),
        ({"findings": "none"}, "indices"),
    ],
)
def test_a_damaged_line_is_named(tmp_path: Path, change: dict[str, object], reason: str) -> None:
    path = tmp_path / "manifest.jsonl"
    good = asdict(CLIP)
    path.write_text(json.dumps(good) + "\n" + json.dumps({**good, "clip_id": "c002", **change}) + "\n")
    with pytest.raises(SpeechError, match=f"bad_manifest.*line=2.*{reason}"):
        Manifest.load(path)


@pytest.mark.parametrize("content", [b'{"clip_id": "c0', b"[]\n", b"\xff\xfe\n", None])
def test_what_is_no_manifest_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "manifest.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SpeechError, match="bad_manifest"):
        Manifest.load(path)


def test_a_clip_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "manifest.jsonl"
    path.write_text(2 * (json.dumps(asdict(CLIP)) + "\n"))
    with pytest.raises(SpeechError, match="bad_manifest.*line=2.*c001 twice"):
        Manifest.load(path)


def test_a_manifest_of_before_is_read(tmp_path: Path) -> None:
    path = tmp_path / "manifest.jsonl"
    row = asdict(CLIP)
    path.write_text(json.dumps({("heard" if name == "recognized_text" else name): row[name] for name in row}) + "\n")
    assert Manifest.load(path) == Manifest((CLIP,))


def test_speaker_split_and_version_are_kept_and_older_lines_are_read(tmp_path: Path) -> None:
    path = tmp_path / "manifest.jsonl"
    marked = replace(CLIP, speaker="ana", split="val")
    Manifest((marked,)).save(path)
    assert json.loads(path.read_text())["version"] == 1 and Manifest.load(path).clips == (marked,)
    old = {name: value for name, value in asdict(CLIP).items() if name not in ("speaker", "split")}
    old["findings"] = [{"code": "narrow_band", "severity": "warning", "values": {"value": 4500.0}}]
    path.write_text(json.dumps(old) + "\n")
    (clip,) = Manifest.load(path).clips
    assert (clip.speaker, clip.split, clip.findings[0].values["khz"]) == ("", "", 4.5)


def test_a_manifest_of_a_later_version_is_refused_by_that_name(tmp_path: Path) -> None:
    path = tmp_path / "manifest.jsonl"
    path.write_text(json.dumps({"version": 2, **asdict(CLIP)}) + "\n")
    with pytest.raises(SpeechError) as caught:
        Manifest.load(path)
    assert (caught.value.code, caught.value.values) == ("manifest_too_new", {"version": 2, "known": 1})
