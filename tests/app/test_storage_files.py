from pathlib import Path

import pytest

from app.errors import Problem
from app.storage.files import Files

TOKEN, OTHER = "a1" * 8, "b2" * 8


def written(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", ["../other/secret", "..", ".", "", "/etc/passwd", "a/../../b", "a/../b", "a\0b"])
def test_names_that_leave_the_folder_are_refused(files: Files, name: str) -> None:
    with pytest.raises(Problem) as caught:
        files.path("job_1", name)
    assert caught.value.code == "bad_file_name"


@pytest.mark.parametrize("job_id", ["..", "", "a/b", "/tmp", "job 1", "x" * 65])
def test_bad_job_ids_are_refused(files: Files, job_id: str) -> None:
    for call in (lambda: files.path(job_id, "a.wav"), lambda: files.delete(job_id)):
        with pytest.raises(Problem):
            call()


def test_symlinks_out_of_the_folder_are_refused(files: Files, tmp_path: Path) -> None:
    outside = written(tmp_path / "outside" / "secret.txt")
    folder = files.path("job_1", "a").parent
    folder.mkdir(parents=True)
    (folder / "link.txt").symlink_to(outside)
    (folder / "sub").symlink_to(outside.parent)
    (files.root / "job_2").symlink_to(outside.parent)
    for job_id, name in (("job_1", "link.txt"), ("job_1", "sub/secret.txt"), ("job_2", "secret.txt")):
        with pytest.raises(Problem):
            files.path(job_id, name)
    with pytest.raises(Problem):
        files.delete("job_2")
    assert files.sweep(known=(), min_age_s=0) == 2
    assert outside.read_text() == "x"


def test_a_root_reached_by_a_symlink_is_fine(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    files = Files(tmp_path / "link")
    path = written(files.path("job_1", "a.wav"))
    assert files.path("job_1", "a.wav").read_text() == path.read_text()


def test_publish_renames_within_the_folder(files: Files) -> None:
    temporary = written(files.temporary("job_1", TOKEN, ".wav"), "sound")
    final = files.publish(temporary, "out.wav")
    assert final == files.path("job_1", "out.wav")
    assert final.read_text() == "sound"
    assert not temporary.exists()


def test_publish_takes_only_what_is_below_the_root(files: Files, tmp_path: Path) -> None:
    stranger = written(tmp_path / "job_1" / "x.wav")
    for name in ("out.wav", "../out.wav"):
        with pytest.raises(Problem):
            files.publish(stranger, name)
    assert stranger.exists()


def test_temporaries_never_share_a_name(files: Files) -> None:
    assert len({files.temporary("job_1", TOKEN, ".wav") for _ in range(50)}) == 50


@pytest.mark.parametrize(("token", "suffix"), [("../x", ".wav"), ("", ".wav"), (TOKEN, "/../../x")])
def test_temporary_refuses_bad_parts(files: Files, token: str, suffix: str) -> None:
    with pytest.raises(Problem):
        files.temporary("job_1", token, suffix)


def test_attempts_are_told_apart_and_uploads_stay(files: Files) -> None:
    upload = written(files.path("job_1", "reference.wav"))
    mine, theirs = (files.published_path("job_1", token, "out.wav") for token in (TOKEN, OTHER))
    for path in (mine, theirs, files.temporary("job_1", TOKEN, ".wav"), files.temporary("job_1", OTHER, ".wav")):
        written(path)
    assert files.drop_attempt("job_1", OTHER) == 2
    assert files.keep_attempt("job_1", TOKEN) == 1
    assert sorted(path.name for path in upload.parent.iterdir()) == sorted([upload.name, mine.name])
    assert files.keep_attempt("job_1", None) == 1
    assert upload.exists()


def test_delete_counts_files(files: Files) -> None:
    written(files.path("job_1", "a.wav"))
    written(files.path("job_1", "sub/b.wav"))
    assert files.delete("job_1") == 2
    assert files.delete("job_1") == 0
    assert not (files.root / "job_1").exists()


def test_sweep_removes_folders_of_unknown_jobs_that_are_not_new(files: Files) -> None:
    assert files.sweep(known=()) == 0
    kept, stray = (written(files.path(job_id, "a.wav")) for job_id in ("job_1", "job_2"))
    assert files.sweep(known={"job_1"}) == 0
    assert files.sweep(known={"job_1"}, min_age_s=0) == 1
    assert kept.exists() and not stray.exists()


def test_size_counts_every_file(files: Files) -> None:
    assert files.size_bytes() == 0
    written(files.path("job_1", "a.wav"), "12345")
    written(files.path("job_2", "sub/b.wav"), "123")
    assert files.size_bytes() == 8


def test_work_outlives_attempts_and_goes_with_the_job(files: Files) -> None:
    checkpoint, clip = written(files.work("job_1") / "fit" / "step"), written(files.kept("job_1") / "clips" / "c.wav")
    written(files.temporary("job_1", TOKEN, ".wav"))
    sample = written(files.path("job_1", "sample-half.wav"))
    assert files.drop_attempt("job_1", TOKEN) == 1
    assert checkpoint.exists() and clip.exists()
    assert files.keep_results("job_1", TOKEN) == 1
    assert not checkpoint.exists() and clip.exists() and sample.exists()
    assert files.drop_work("job_1") == 0 and files.drop_work("job_9") == 0
    with pytest.raises(Problem):
        files.work("../job_1")
