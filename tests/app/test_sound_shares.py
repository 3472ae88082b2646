"""Links by which a sound made with a checkpoint is heard without an account; two accounts and nobody."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from api_service import PASSWORD, Service, running, signed_in
from sqlalchemy import update
from starlette.testclient import TestClient

from app.storage.tables import share_links
from app.tasks.tuned_voices import KEPT_S
from speech.audio import Audio, to_bytes

DAY_S = 86400.0
WAV = to_bytes(Audio(np.zeros(2400, np.float32), 24000), "wav")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with running(tmp_path) as service:
        for name, role in {"root": "admin", "ana": "maker", "bea": "maker"}.items():
            service.services.identity.accounts.add(name, PASSWORD, role)
        yield service


@pytest.fixture
def ana(service: Service) -> TestClient:
    return signed_in(service, "ana")


@pytest.fixture
def nobody(service: Service) -> TestClient:
    return TestClient(service.client.app, base_url="http://localhost", raise_server_exceptions=False)


def kept(service: Service) -> str:
    """The name of a sound that Ana made."""
    caller = next(user for user in service.services.identity.accounts.list() if user.name == "ana").caller()
    return service.services.tuned.keep_sound(WAV, caller)


def shared(ana: TestClient, sound: str, **body: int) -> dict[str, Any]:
    answer = ana.post(f"/training/sounds/{sound}/share", json=body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_sound_is_heard_by_its_link_alone(service: Service, ana: TestClient, nobody: TestClient) -> None:
    sound = kept(service)
    assert ana.get(f"/training/sounds/{sound}/share").json()["links"] == []
    link = shared(ana, sound)
    assert ana.get(f"/training/sounds/{sound}/share").json() == {"filename": sound, "links": [link]}
    assert nobody.get(f"/v1/finetune/synthesize/{sound}").status_code == 401
    assert nobody.get(f"{link['url']}/sample").content == ana.get(f"/v1/finetune/synthesize/{sound}").content == WAV
    page = nobody.get(link["url"], headers={"Accept-Language": "pt-BR"})
    assert page.status_code == 200 and "Um som feito com o Papagaio" in page.text
    assert f"{link['url'].partition('localhost')[2]}/sample" in page.text


def test_nobody_elses_sound_is_shared_or_its_links_told(service: Service, ana: TestClient) -> None:
    sound = kept(service)
    shared(ana, sound)
    bea = signed_in(service, "bea")
    for method in ("GET", "POST", "DELETE"):
        answer = bea.request(method, f"/training/sounds/{sound}/share", json={} if method == "POST" else None)
        assert (answer.status_code, answer.json()["code"]) == (404, "tuned_sound_missing"), method
    assert len(ana.get(f"/training/sounds/{sound}/share").json()["links"]) == 1


def test_a_link_that_is_forged_over_or_ended(
    service: Service, ana: TestClient, nobody: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound, other = kept(service), kept(service)
    link, elsewhere = shared(ana, sound), shared(ana, other, expires_in_hours=1)
    signature = link["url"].rpartition(".")[2]
    forged = (f"{link['id']}.{'A' * 43}", f"{elsewhere['id']}.{signature}", link["id"])
    assert [nobody.get(f"/shared/{token}/sample").status_code for token in forged] == [404] * 3
    assert ana.delete(f"/training/sounds/{sound}/share").json()["revoked"] == 1
    assert nobody.get(f"{link['url']}/sample").json()["code"] == "share_over"
    with service.services.database.write() as connection:  # what it leads to is signed too
        where = share_links.c.id == elsewhere["id"]
        connection.execute(update(share_links).where(where).values(voice_id=sound))
    assert nobody.get(f"{elsewhere['url']}/sample").status_code == 404
    late = shared(ana, other, expires_in_hours=1)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 3601)
    answer = nobody.get(f"{late['url']}/sample")
    assert (answer.status_code, answer.json()["code"]) == (410, "share_over")


def test_a_shared_sound_stays_as_long_as_its_link(service: Service, ana: TestClient, nobody: TestClient) -> None:
    sound, unshared = kept(service), kept(service)
    link = shared(ana, sound, expires_in_hours=72)
    services = service.services
    caller = next(user for user in services.identity.accounts.list() if user.name == "ana").caller()
    paths = [services.tuned.sound(one, caller) for one in (sound, unshared)]
    for days, there in ((2, [True, False]), (2, [False, False])):
        for path in filter(Path.exists, paths):
            written = path.stat().st_mtime - days * DAY_S
            os.utime(path, (written, written))
        kept(service)  # sweeps
        assert [path.exists() for path in paths] == there
    assert KEPT_S == DAY_S
    assert nobody.get(f"{link['url']}/sample").json()["code"] == "share_over"
