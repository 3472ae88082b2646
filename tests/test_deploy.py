"""What `deploy/` and the compose file say, read by the programs that they are for, as far as those can be had.

Docker, Grafana, Loki and Alloy do not run here: `docs/OPERATIONS.md` says so. Debian has Prometheus
(`programs.py`); nginx is in `app/test_nginx.py`.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
import yaml
from api_service import Service, settings_in
from programs import program
from waiting import wait_for

from app.jobs.kinds import QUEUES
from app.settings import Settings
from bench.servers import free_port

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
BIN = Path(sys.executable).parent
# Lines that only a machine with a card has.
OF_CARDS = "papagaio_gpu_"


def passes(*command: str) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def queries() -> list[tuple[str, str]]:
    """Every Prometheus query of the dashboards, with its panel, and of the alerts."""
    found = []
    for file in sorted((DEPLOY / "grafana" / "dashboards").glob("*.json")):
        for panel in json.loads(file.read_text())["panels"]:
            if panel["datasource"]["type"] == "prometheus":
                found += [(f"{file.stem}: {panel['title']}", target["expr"]) for target in panel["targets"]]
    rules = yaml.safe_load((DEPLOY / "prometheus" / "rules.yml").read_text())
    # An alert's condition gives nothing while all is well; what it looks at must be there.
    alerts = [rule for group in rules["groups"] for rule in group["rules"]]
    return found + [(rule["alert"], re.sub(r"\s(>|==)\s[\d.]+$", "", rule["expr"])) for rule in alerts]


def test_the_dockerfile_is_linted_and_has_both_targets() -> None:
    passes(str(BIN / "hadolint"), "--failure-threshold", "warning", "Dockerfile")
    text = (ROOT / "Dockerfile").read_text()
    stages = re.findall(r"^FROM \S+ AS (\S+)$", text, re.M)
    assert {"cpu", "cuda"} <= set(stages) and stages[-1] == "cpu"  # the last is what the workflow builds
    named = set(re.findall(r"requirements-\w+\.txt", text))
    assert named and all((ROOT / name).is_file() for name in named)
    fields = {f"PAPAGAIO_{name.upper()}" for name in Settings.model_fields}
    assert set(re.findall(r"PAPAGAIO_\w+", text)) <= fields


def test_the_compose_file_keeps_the_compose_specification() -> None:
    files = ["docker-compose.yml", "deploy/cuda.yml"]
    passes(str(BIN / "check-jsonschema"), "--builtin-schema", "vendor.compose-spec", *files)


def test_the_compose_file_names_what_there_is() -> None:
    services = COMPOSE["services"]
    profiles = {profile for service in services.values() for profile in service["profiles"]}
    assert profiles == {"single", "cluster", "monitoring", "tls", "scan", "wyoming", "wyoming-cluster"}
    fields = {f"PAPAGAIO_{name.upper()}" for name in Settings.model_fields}
    own = {name: service for name, service in services.items() if service["image"].startswith("${IMAGE")}
    assert {"single", "web", "speech", "train", "intake", "dataset", "wyoming", "wyoming-cluster"} == set(own)
    for service in own.values():
        assert {name for name in service.get("environment", {}) if name.startswith("PAPAGAIO_")} <= fields
    commands = [service["command"] for service in own.values() if "command" in service]
    kept = {command[2] for command in commands if command[0] == "worker"}
    assert kept == set(QUEUES) - {"install"}  # components come with the image
    assert services["web"]["environment"]["PAPAGAIO_ENGINE_URL"] == "http://speech:8010"
    mounted = [volume for service in services.values() for volume in service.get("volumes", ())]
    assert all((ROOT / one.split(":")[0]).exists() for one in mounted if one.startswith("./"))
    used = {one.split(":")[0] for one in mounted if not one.startswith(("./", "/"))}
    assert used == set(COMPOSE["volumes"])


def test_services_that_must_talk_share_a_profile_or_come_beside_one() -> None:
    for name, service in COMPOSE["services"].items():
        for needed in service.get("depends_on", ()):
            assert set(service["profiles"]) <= set(COMPOSE["services"][needed]["profiles"]), name


def test_uploads_are_looked_through_by_the_profile_scan() -> None:
    services = COMPOSE["services"]
    scanner = services["clamav"]
    assert scanner["profiles"] == ["scan"] and scanner["healthcheck"]["test"]
    for name in ("single", "web"):
        told = services[name]["environment"]
        assert told["PAPAGAIO_CLAMAV"] == "${CLAMAV:-off}"
        assert told["PAPAGAIO_CLAMAV_ADDRESS"] == "${CLAMAV_ADDRESS:-clamav:3310}"


def test_prometheus_reads_its_configuration_and_its_alerts_fire() -> None:
    promtool, folder = program("promtool"), "deploy/prometheus"
    passes(promtool, "check", "config", "--syntax-only", f"{folder}/prometheus.yml")
    passes(promtool, "check", "rules", f"{folder}/rules.yml")
    passes(promtool, "test", "rules", f"{folder}/rules.test.yml")


def test_grafana_finds_its_sources() -> None:
    sources = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/papagaio.yml").read_text())["datasources"]
    by_uid = {source["uid"]: source for source in sources}
    assert {source["url"].split("/")[2].split(":")[0] for source in sources} <= set(COMPOSE["services"])
    uids = set()
    for file in (DEPLOY / "grafana" / "dashboards").glob("*.json"):
        board = json.loads(file.read_text())
        uids.add(board["uid"])
        for panel in board["panels"]:
            assert by_uid[panel["datasource"]["uid"]]["type"] == panel["datasource"]["type"], panel["title"]
    assert len(uids) == 2


def test_alloy_sends_to_loki_what_the_service_writes() -> None:
    text = (DEPLOY / "alloy" / "config.alloy").read_text()
    assert "http://loki:3100/loki/api/v1/push" in text and text.count("{") == text.count("}")
    assert f"com.docker.compose.project={COMPOSE['name']}" in text
    assert yaml.safe_load((DEPLOY / "loki" / "config.yml").read_text())["server"]["http_listen_port"] == 3100


@contextmanager
def listening(folder: Path, host: str = "127.0.0.1") -> Iterator[tuple[str, Service]]:
    """A service on an address of its own, in a thread; its host:port."""
    import uvicorn

    from app.main import create_app

    port = free_port()
    app = create_app(settings_in(folder))
    config = uvicorn.Config(app, host=host, port=port, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_for(lambda: server.started)
        yield f"{host}:{port}", Service(cast(Any, None), app.state.services)
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def prometheus(folder: Path, *targets: str) -> Iterator[str]:
    """A Prometheus with our rules and labels that scrapes `targets`, all found by the name `web`, every second; its
    URL."""
    found = program("prometheus")
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(DEPLOY / "prometheus" / "rules.yml")]
    found_by_name = {"targets": list(targets), "labels": {"__meta_dns_name": "web"}}
    relabelled = config["scrape_configs"][0]["relabel_configs"]
    job = {"job_name": "papagaio", "static_configs": [found_by_name], "relabel_configs": relabelled}
    config["scrape_configs"] = [job]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    port = free_port()
    words = {"config.file": folder / "prometheus.yml", "storage.tsdb.path": folder / "tsdb"}
    command = [found, *(f"--{name}={value}" for name, value in words.items()), f"--web.listen-address=127.0.0.1:{port}"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def asked(url: str, expression: str) -> list[Any]:
    """What a query gives now. Raises HTTPError where it is refused."""
    with urlopen(f"{url}/api/v1/query?{urlencode({'query': expression})}") as answer:
        result: list[Any] = json.load(answer)["data"]["result"]
    return result


@pytest.mark.processes
def test_every_query_of_the_dashboards_and_alerts_has_an_answer(tmp_path: Path) -> None:
    """With a real Prometheus that scraped the real service, after speech, a job, and a request that was refused."""
    with listening(tmp_path / "data") as (target, service), prometheus(tmp_path, target) as url:

        def use() -> None:
            speech = {"model": "silence", "voice": "silence_female", "input": "Bom dia."}
            job = {"text": "Bom dia.", "source_language": "pt-BR", "mode": "dubbing"}
            for path, body in (("/v1/audio/speech", speech), ("/jobs", job)):
                headers = {"Content-Type": "application/json"}
                urlopen(Request(f"http://{target}{path}", json.dumps(body).encode(), headers)).read()
            with pytest.raises(OSError):
                urlopen(f"http://{target}/jobs/job_000000000000")
            service.work()
            urlopen(Request(f"http://{target}/jobs", json.dumps(job).encode(), headers)).read()  # one that waits

        use()
        wait_for(lambda: not is_refused(url) and bool(asked(url, "papagaio_requests_total")))
        use()
        time.sleep(2.5)  # two more samples, which a rate needs

        def lacking() -> list[str]:
            return [name for name, expression in queries() if OF_CARDS not in expression and not asked(url, expression)]

        until = time.monotonic() + 20
        while (missing := lacking()) and time.monotonic() < until:
            time.sleep(0.5)
        assert missing == []
        for name, expression in queries():
            asked(url, expression)  # those of cards, too, are understood


@pytest.mark.processes
def test_several_services_are_targets_of_their_own_and_are_added_up(tmp_path: Path) -> None:
    with (
        listening(tmp_path / "one") as (first, _),
        listening(tmp_path / "two", "127.0.0.2") as (second, _),
        prometheus(tmp_path, first, second) as url,
    ):
        for target, count in ((first, 2), (second, 3)):
            for _ in range(count):
                urlopen(f"http://{target}/health/live").close()
        total = 'sum(papagaio_requests_total{service="web", route="/health/live"})'
        wait_for(lambda: not is_refused(url) and [one["value"][1] for one in asked(url, total)] == ["5"], 30)
        assert {one["metric"]["instance"] for one in asked(url, 'up{service="web"} == 1')} == {first, second}


def test_promtool_finds_nothing_to_say_of_our_metrics(service: Service) -> None:
    """After requests of all kinds, so that every family has a sample."""
    service.completed("Bom dia.")
    service.add("Boa noite.")
    speech = {"model": "silence", "voice": "silence_female", "input": "Bom dia."}
    assert service.client.post("/v1/audio/speech", json=speech).status_code == 200
    told = service.client.get("/metrics").content
    done = subprocess.run([program("promtool"), "check", "metrics"], input=told, capture_output=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def is_refused(url: str) -> bool:
    try:
        urlopen(f"{url}/-/ready").close()
    except OSError:
        return True
    return False
