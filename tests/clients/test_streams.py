"""Streams of the embedded engine through its host: who hangs up is not spoken for; AllTalk's whole walk by a worker."""

from __future__ import annotations

import os
import time
from io import BytesIO
from pathlib import Path

import httpx2
import pytest

from app.api.services import Services
from app.host.client import HostedSynthesizer
from speech.audio import load

pytestmark = [pytest.mark.processes]

LONG = "This is a sentence that goes on and on, past houses and gardens and rivers, until nobody remembers its start. "
STOPPED_S = 0.5


def cpu_s(pid: int) -> float:
    """Processor time that a process has used (proc(5): fields 14 and 15 of stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_client_that_hangs_up_stops_the_engine_in_half_a_second(live_service: tuple[str, Services]) -> None:
    address, services = live_service
    synthesizer = services.synthesizer
    assert isinstance(synthesizer, HostedSynthesizer)
    body = {"model": "kokoro", "voice": "af_heart", "input": "Good morning. " + LONG * 20, "response_format": "pcm"}
    with httpx2.stream("POST", f"{address}/v1/audio/speech", json=body, timeout=120) as response:
        blocks = response.iter_raw()  # kept: the end of the iterator is the end of the connection
        assert next(blocks) and response.status_code == 200
        [host] = synthesizer.hosts()
        assert host.pid is not None and services.capacity.taken == 1
    time.sleep(STOPPED_S)
    before = cpu_s(host.pid)
    time.sleep(1.0)
    assert cpu_s(host.pid) - before < 0.3  # speaking takes two cores whole
    assert services.capacity.taken == 0


def test_alltalk_makes_a_file_and_gives_it(live: str) -> None:
    form = {
        "text_input": "Bom dia. Tudo bem?",
        "text_filtering": "standard",
        "character_voice_gen": "pf_dora",
        "rvccharacter_voice_gen": "Disabled",
        "rvccharacter_pitch": "0",
        "narrator_enabled": "false",
        "narrator_voice_gen": "pf_dora",
        "rvcnarrator_voice_gen": "Disabled",
        "rvcnarrator_pitch": "0",
        "text_not_inside": "character",
        "language": "pt",
        "output_file_name": "st_output",
        "output_file_timestamp": "true",
        "autoplay": "false",
        "autoplay_volume": "0.8",
    }
    made = httpx2.post(f"{live}/api/tts-generate", data=form, timeout=120).json()
    assert made["status"] == "generate-success" and made["output_file_url"].startswith("/audio/st_output_job_")
    for url in (made["output_file_url"], made["output_cache_url"]):
        sound = httpx2.get(f"{live}{url}").content
        assert sound.startswith(b"RIFF") and 1 < load(BytesIO(sound)).duration_s < 4
