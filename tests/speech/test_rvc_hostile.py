"""Row 6.2-29: broken and hostile files of RVC get a verdict with its reason, and nothing in them ever runs."""

from __future__ import annotations

from pathlib import Path

import pytest
import rvc_hostile_files as hostile

torch = pytest.importorskip("torch")


def verdict_of(path: Path, index: Path | None = None) -> list[str]:
    from speech.engines.rvc.intake import examine

    return [reason.code for reason in examine(path, index).reasons if reason.is_error]


def test_no_hostile_file_runs_and_each_is_refused(rvc_tiny: Path, tmp_path: Path) -> None:
    """More than 60 of them; the canary is a file that each pickle would have written."""
    canary, path = tmp_path / "canary", tmp_path / "model.pth"
    good = (rvc_tiny / "v2-40k.pth").read_bytes()
    root = torch.load(rvc_tiny / "v2-40k.pth", weights_only=True)
    files = [*hostile.pickles(canary), *hostile.archives(good), *hostile.contents(root)]
    assert len(files) >= 60
    for name, data, allowed in files:
        path.write_bytes(data)
        found = verdict_of(path)
        if found or "" not in allowed:
            assert found and found[0] in allowed, (name, found)
        assert not canary.exists(), name


def test_bad_indexes_are_refused(rvc_tiny: Path, tmp_path: Path) -> None:
    path = tmp_path / "voice.index"
    for name, data, allowed in hostile.indexes((rvc_tiny / "v2.index").read_bytes()):
        path.write_bytes(data)
        found = verdict_of(rvc_tiny / "v2-40k.pth", path)
        assert found and found[0] in allowed, (name, found)
    assert verdict_of(rvc_tiny / "v2-40k.pth", rvc_tiny / "v1.index") == ["rvc_index_width"]


@pytest.mark.parametrize("name", ["v2-40k", "v2-48k", "v1-32k", "v2-40k-plain", "v1-48k-plain", "v2-32k"])
def test_files_of_both_versions_are_taken_in(rvc_tiny: Path, tmp_path: Path, name: str) -> None:
    from speech.engines.rvc.intake import examine, examine_copy
    from speech.engines.rvc.library import MODEL
    from speech.engines.rvc.model_file import network_of, open_copy, open_pth

    index = rvc_tiny / f"{name[:2]}.index"
    verdict = examine(rvc_tiny / f"{name}.pth", index, tmp_path)
    assert verdict.is_usable and not verdict.reasons
    assert verdict.about["version"] == name[:2] and verdict.about["index_features"] == 600
    assert examine_copy(tmp_path) == verdict
    stored = network_of(open_pth(rvc_tiny / f"{name}.pth")).state_dict()
    copied = network_of(open_copy(tmp_path / MODEL)).state_dict()
    assert all(torch.equal(stored[key], copied[key]) for key in stored)


def test_a_process_of_its_own_says_the_same(rvc_tiny: Path, tmp_path: Path) -> None:
    from speech.engines.rvc.intake import examine_apart

    verdict = examine_apart(rvc_tiny / "v2-40k.pth", None, tmp_path)
    assert verdict.is_usable and [reason.code for reason in verdict.reasons] == ["rvc_index_missing"]
    (tmp_path / "bad.pth").write_bytes(b"PK\x03\x04")
    assert [r.code for r in examine_apart(tmp_path / "bad.pth", None, tmp_path).reasons] == ["checkpoint_damaged"]


def test_a_file_that_ends_its_process_is_a_verdict(
    rvc_tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from speech.engines.rvc import intake

    monkeypatch.setattr(intake, "SECONDS", 0.01)
    verdict = intake.examine_apart(rvc_tiny / "v2-40k.pth", None, tmp_path)
    assert [reason.code for reason in verdict.reasons] == ["rvc_intake_limits"] and not verdict.is_usable
