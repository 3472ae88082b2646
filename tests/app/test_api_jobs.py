"""Jobs over HTTP: made, listed, cancelled, deleted, expired; their sound as files and as a stream."""

import io
import struct
import time
import wave

import pytest
from api_service import Service, running
from sqlalchemy import update

from app.storage.tables import jobs
from speech.audio import load

MAGIC = {"wav": b"RIFF", "mp3": b"ID3", "ogg": b"OggS", "flac": b"fLaC", "opus": b"OggS"}


def code(response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


def test_a_job_goes_from_pending_to_its_sound(service: Service) -> None:
    job = service.add()
    assert (job["status"], job["progress"], job["expires_at"], job["audio_url"]) == ("pending", 0, None, None)
    named = service.add(voice_id="silence_male")
    assert (named["voice_name"], named["voice_description"]) == ("Silence, male (for tests)", None)
    service.client.delete(f"/jobs/{named['id']}")
    service.work()
    done = service.client.get(f"/jobs/{job['id']}").json()
    assert (done["status"], done["progress"], done["tts_engine_used"]) == ("completed", 100, "silence")
    sound = service.client.get(done["audio_url"]).content
    assert len(sound) == done["file_size_output"]
    with wave.open(io.BytesIO(sound)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (24000, 1, 2)
        assert file.getnframes() / 24000 == pytest.approx(done["duration"])


@pytest.mark.parametrize("name", ["wav", "mp3", "ogg", "flac", "m4a", "opus", "MP3"])
def test_a_download_is_of_the_format_it_says(service: Service, name: str) -> None:
    job = service.completed()
    response = service.client.get(f"/jobs/{job['id']}/download", params={"format": name})
    assert response.status_code == 200
    assert f'filename="dubbed_{job["id"]}.{name.lower()}"' in response.headers["content-disposition"]
    start = response.content[4:8] if name == "m4a" else response.content
    assert start.startswith(MAGIC.get(name.lower(), b"ftyp"))
    sound = load(io.BytesIO(response.content))
    assert sound.duration_s == pytest.approx(job["duration"], abs=0.1)


@pytest.mark.parametrize("format", ["wav", "mp3"])
def test_a_file_is_called_as_one_asks(service: Service, format: str) -> None:
    path = f"/jobs/{service.completed()['id']}/download"
    for name, said in (
        ("bom-dia", f'attachment; filename="bom-dia.{format}"'),
        ("Olá %41", f"attachment; filename=\"Ol_ _41.{format}\"; filename*=UTF-8''Ol%C3%A1%20%2541.{format}"),
    ):
        answer = service.client.get(path, params={"format": format, "name": name})
        assert (answer.status_code, answer.headers["content-disposition"]) == (200, said)
    for name in ("", "../x", "a\r\nX: y", 'a"b', "a\\b", ".x", "x ", "\u202egpj", "x" * 81):
        answer = service.client.get(path, params={"format": format, "name": name})
        assert code(answer) == (422, "file_name_unfit"), name


def test_a_wav_can_be_had_in_parts(service: Service) -> None:
    job = service.completed()
    whole = service.client.get(job["audio_url"]).content
    part = service.client.get(job["audio_url"], headers={"Range": "bytes=44-99"})
    assert (part.status_code, part.content) == (206, whole[44:100])
    assert part.headers["etag"]


def test_the_stream_of_a_finished_job_is_its_whole_sound(service: Service) -> None:
    job = service.completed("Uma frase. " * 40)
    response = service.client.get(f"/jobs/{job['id']}/stream")
    assert response.headers["content-type"] == "audio/pcm" and response.headers["x-sample-rate"] == "24000"
    assert response.content == service.client.get(job["audio_url"]).content[44:]


def test_a_job_that_is_not_ready_says_so(service: Service) -> None:
    path = f"/jobs/{service.add()['id']}"
    assert code(service.client.get(f"{path}/download")) == (425, "job_not_ready")
    assert code(service.client.get(f"{path}/formats")) == (425, "job_not_ready")
    started = time.monotonic()
    assert code(service.client.get(f"{path}/download?timeout=1")) == (408, "job_wait_expired")
    assert time.monotonic() - started >= 1
    assert code(service.client.get(f"{path}/download?format=exe")) == (400, "unknown_format")


@pytest.mark.parametrize("timeout", ["0", "0.9", "601", "-1", "nan", "inf", "soon"])
def test_a_wait_is_of_1_to_600_seconds(service: Service, timeout: str) -> None:
    path = f"/jobs/{service.completed()['id']}/download"
    assert code(service.client.get(path, params={"timeout": timeout})) == (422, "invalid_request")


def test_a_cancelled_job_has_no_sound_and_ends_once(service: Service) -> None:
    path = f"/jobs/{service.add()['id']}"
    response = service.client.post(f"{path}/cancel")
    assert (response.status_code, response.json()["status"]) == (202, "cancelled")
    assert code(service.client.post(f"{path}/cancel")) == (409, "job_already_ended")
    for part in ("download", "stream", "formats"):
        assert code(service.client.get(f"{path}/{part}")) == (409, "job_without_sound")
    service.work()
    assert service.client.get(path).json()["status"] == "cancelled"


def test_a_failed_job_says_why_in_the_readers_language(service: Service) -> None:
    made = service.add()
    with service.services.database.write() as connection:
        error = {"code": "model_missing", "values": {"name": "m", "command": "papagaio models pull m"}}
        connection.execute(update(jobs).where(jobs.c.id == made["id"]).values(status="failed", error=error))
    texts = []
    for language in ("en", "pt-BR"):
        headers = {"Accept-Language": language}
        job = service.client.get(f"/jobs/{made['id']}", headers=headers).json()
        assert job["error"]["code"] == "model_missing"
        assert job["error_message"] == job["error"]["details"][language]
        assert "papagaio models pull m" in job["error_message"]
        texts.append(job["error_message"])
    assert texts[0] != texts[1]


def test_deleting_removes_the_row_and_the_files(service: Service) -> None:
    job = service.completed()
    response = service.client.delete(f"/jobs/{job['id']}")
    assert response.json()["job_id"] == job["id"] and response.json()["files_deleted"] == 1
    assert service.is_empty()
    assert code(service.client.get(f"/jobs/{job['id']}")) == (404, "job_not_found")
    assert code(service.client.delete(f"/jobs/{job['id']}")) == (404, "job_not_found")


def test_an_expired_job_is_gone(service: Service) -> None:
    job = service.completed()
    with service.services.database.write() as connection:
        connection.execute(update(jobs).where(jobs.c.id == job["id"]).values(expires_at=time.time() - 1))
    for part in ("", "/download", "/stream", "/formats", "/log"):
        assert code(service.client.get(f"/jobs/{job['id']}{part}")) == (410, "job_expired")
    assert service.client.post("/admin/cleanup").json()["jobs_removed"] == 1
    assert service.is_empty()


def test_jobs_are_listed_newest_first_in_pages(service: Service) -> None:
    ids = [service.add(f"frase {number}")["id"] for number in range(5)][::-1]
    service.worker.run_next()
    client = service.client
    assert [job["id"] for job in client.get("/jobs").json()["jobs"]] == ids
    page = client.get("/jobs", params={"limit": 2, "offset": 1}).json()
    assert page["total"] == 5 and [job["id"] for job in page["jobs"]] == ids[1:3]
    for status, count in {"queued": 4, "pending": 4, "PENDING": 4, "completed": 1, "failed": 0}.items():
        assert client.get("/jobs", params={"status": status}).json()["total"] == count
    assert client.get("/jobs", params={"engine": "silence"}).json()["total"] == 5
    assert client.get("/jobs", params={"engine": "kokoro"}).json() == {"total": 0, "jobs": []}
    for bad in ({"limit": 0}, {"limit": 1001}, {"offset": -1}, {"status": "done"}, {"limit": "many"}):
        assert code(client.get("/jobs", params=bad)) == (422, "invalid_request")


def test_the_log_tells_what_happened_in_order(service: Service) -> None:
    job = service.completed()
    response = service.client.get(f"/jobs/{job['id']}/log")
    assert response.headers["content-type"].startswith("text/plain")
    kinds = [line.split()[1] for line in response.text.splitlines()]
    assert kinds[:2] == ["job.created", "job.started"] and kinds[-1] == "job.completed"


def test_a_lost_file_is_said(service: Service) -> None:
    job = service.completed()
    service.services.files.delete(job["id"])
    assert code(service.client.get(f"/jobs/{job['id']}/download")) == (500, "sound_missing")


@pytest.mark.parametrize("job_id", ["job_000000000000", "..", "%2e%2e%2fpapagaio.db", "job_%00", "a" * 5000])
@pytest.mark.parametrize("part", ["", "/formats", "/download", "/stream", "/log"])
def test_no_other_file_can_be_named(service: Service, job_id: str, part: str) -> None:
    response = service.client.get(f"/jobs/{job_id}{part}")
    assert response.status_code == 404 or (job_id == ".." and response.status_code == 200 and not part)


def test_wav_header_of_the_file_says_its_length(service: Service) -> None:
    sound = service.client.get(service.completed()["audio_url"]).content
    assert struct.unpack("<I", sound[4:8])[0] == len(sound) - 8


def test_jobs_outlive_the_service(tmp_path) -> None:
    with running(tmp_path) as service:
        waiting, done = service.add("depois"), service.completed("antes")
    with running(tmp_path) as service:
        assert service.client.get(done["audio_url"]).status_code == 200
        service.work()
        assert service.client.get(f"/jobs/{waiting['id']}").json()["status"] == "completed"
