"""How a text will be read, and the pronunciation dictionary, over HTTP and at the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from api_service import Service
from fastapi.testclient import TestClient

from app.callers import Caller
from app.cli import main
from app.errors import Problem
from speech.engines.silence import SAMPLE_RATE
from speech.text.dictionary import Entry


@pytest.fixture
def client(service: Service) -> TestClient:
    return service.client


def added(client: TestClient, **fields: Any) -> dict[str, Any]:
    response = client.post("/text/dictionary", json=fields)
    assert response.status_code == 201, response.text
    entry: dict[str, Any] = response.json()
    return entry


def test_a_preview_shows_sentences_phonemes_and_what_is_left_out(client: TestClient) -> None:
    added(client, written="NASA", spoken="nássa", language="pt")
    body = {"text": "É a <b>NASA</b>. Custa R$ 5! 😀", "language": "pt-BR"}
    made = client.post("/text/preview", json=body, headers={"Accept-Language": "pt-BR"}).json()
    assert made["language"] == "pt-BR"
    assert [(s["written"], s["spoken"]) for s in made["sentences"]] == [
        ("É a NASA.", "É a nássa."),
        ("Custa R$ 5! 😀", "Custa cinco reais!"),
    ]
    assert made["sentences"][0]["phonemes"].startswith("ɛ")
    assert {(part["text"], part["reason"]) for part in made["left_out"]} >= {("<b>", "tag"), ("😀", "symbol")}
    assert "marca de HTML ou SSML" in made["left_out"][0]["message"]


def test_a_preview_joins_lines_as_asked_and_refuses_as_speech_does(client: TestClient) -> None:
    text = "Uma linha comprida que não acabou\naqui e segue adiante"

    def count(**more: str) -> int:
        return len(client.post("/text/preview", json={"text": text, **more}).json()["sentences"])

    assert (count(), count(wrapping="keep"), count(wrapping="join")) == (1, 2, 1)
    assert client.post("/text/preview", json={"text": text, "wrapping": "all"}).status_code == 422
    assert client.post("/text/preview", json={"text": "?!"}).json()["code"] == "nothing_to_say"
    assert (
        client.post("/text/preview", json={"text": "Привет", "language": "pt"}).json()["code"] == "text_not_in_language"
    )


def test_entries_are_added_changed_found_and_deleted(client: TestClient) -> None:
    entry = added(client, written="nginx", spoken="engine x")
    assert client.post("/text/dictionary", json={"written": "nginx", "spoken": "y"}).json()["code"] == "entry_known"
    changed = client.patch(f"/text/dictionary/{entry['id']}", json={"phonemes": "ˈɛnʤɪn"}).json()
    assert (changed["spoken"], changed["phonemes"]) == ("engine x", "ˈɛnʤɪn")
    added(client, written="SQL", spoken="sequel")
    page = client.get("/text/dictionary", params={"search": "ngin"}).json()
    assert [found["written"] for found in page["entries"]] == ["nginx"] and page["total"] == 1
    assert client.delete(f"/text/dictionary/{entry['id']}").status_code == 204
    assert client.delete(f"/text/dictionary/{entry['id']}").json()["code"] == "entry_not_found"
    assert client.get("/text/dictionary").json()["total"] == 1


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"written": "x", "spoken": ""}, "entry_empty"),
        ({"written": "(", "spoken": "y", "is_pattern": True}, "pattern_invalid"),
        ({"written": ".*", "spoken": "y", "is_pattern": True}, "pattern_too_wide"),
        ({"written": "x", "phonemes": "ж"}, "phonemes_unknown"),
        ({"written": "x", "spoken": "y", "colour": "red"}, "invalid_request"),
    ],
)
def test_a_wrong_entry_is_refused_in_both_languages(client: TestClient, body: dict[str, Any], code: str) -> None:
    for language in ("en", "pt-BR"):
        response = client.post("/text/dictionary", json=body, headers={"Accept-Language": language})
        assert (response.status_code, response.json()["code"]) == (422, code)
        assert "{" not in response.json()["detail"]


def test_a_csv_is_brought_in_whole_or_not_at_all_and_comes_back(client: TestClient) -> None:
    added(client, written="old", spoken="older")

    def bring(text: str, **fields: str) -> Any:
        return client.post("/text/dictionary/import", files={"file": ("d.csv", text.encode())}, data=fields)

    assert bring("written,spoken\na,b\nold,new\n").json() == {"read": 2, "total": 2}
    wrong = bring("written,spoken,is_pattern\nc,d,\n(,x,true\n")
    assert (wrong.status_code, wrong.json()["code"]) == (422, "csv_row")
    assert "3" in wrong.json()["detail"] and "cannot be read" in wrong.json()["detail"]
    exported = client.get("/text/dictionary/export")
    assert exported.headers["content-type"].startswith("text/csv")
    assert exported.text.splitlines()[1:] == ["a,b,,,,", "old,new,,,,"]
    assert bring("written;spoken\nz;y\n", replace="true").json() == {"read": 1, "total": 1}
    assert bring("\xff").json()["code"] in ("csv_columns", "input_not_utf8")


def test_a_job_speaks_with_the_entries_it_was_added_with(service: Service) -> None:
    entry = added(service.client, written="ab", spoken="uma palavra bem mais comprida")
    with_entry = service.add("ab")
    service.client.delete(f"/text/dictionary/{entry['id']}")
    without = service.add("ab")
    service.work()
    durations = [service.client.get(f"/jobs/{job['id']}").json()["duration"] for job in (with_entry, without)]
    assert durations[0] > 3 * durations[1]


def test_openai_clients_get_the_dictionary_and_the_pauses_of_ssml(service: Service) -> None:
    def size(text: str) -> int:
        body = {"input": text, "model": "silence", "voice": "silence_female", "response_format": "pcm"}
        response = service.client.post("/v1/audio/speech", json=body)
        assert response.status_code == 200, response.text
        return len(response.content)

    plain = size("um. dois")
    assert size('um. <break time="2s"/> dois') == plain + 2 * 2 * SAMPLE_RATE
    added(service.client, written="um", spoken="um mais um")
    assert size("um. dois") > plain


def test_entries_belong_to_their_user(service: Service) -> None:
    store = service.services.pronunciations
    other = store.of(Caller("ana"))
    entry = store.add(Entry("x", "y"))
    assert other.all() == [] and other.dictionary().entries == ()
    with pytest.raises(Problem, match="entry_not_found"):
        other.delete(entry.entry_id)
    other.add(Entry("x", "z"))
    assert [found.spoken for found in store.dictionary().entries] == ["y"]
    assert other.bring_in([Entry("a", "b")], replace_all=True) == 1
    assert store.all() == [Entry("x", "y")]


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PAPAGAIO_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")
    return tmp_path


def test_the_command_line_reads_and_keeps_a_dictionary(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dictionary", "add", "NASA", "nássa", "--language", "pt"]) == 0
    assert main(["read", "A NASA voa. <i>Sim</i>", "--language", "pt-BR", "--json"]) == 0
    out = capsys.readouterr().out
    made = json.loads(out[out.index("{") :])
    assert list(made) == ["language", "sentences", "left_out"]
    assert [list(sentence) for sentence in made["sentences"]] == [["written", "spoken", "phonemes"]] * 2
    assert made["sentences"][0]["spoken"] == "A nássa voa."
    assert main(["dictionary", "export", "-o", str(data_dir / "d.csv")]) == 0
    assert main(["dictionary", "delete", "1"]) == 0
    assert main(["dictionary", "import", str(data_dir / "d.csv")]) == 0
    assert main(["dictionary", "list", "--search", "nas"]) == 0
    assert "NASA → nássa  (pt)" in capsys.readouterr().out
    assert main(["read", "Custa R$ 5. 😀", "--language", "pt-BR"]) == 0
    shown = capsys.readouterr().out
    assert "Custa cinco reais." in shown and "← Custa R$ 5." in shown and "😀" in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["dictionary", "add", "(", "x", "--pattern"], "pattern ( cannot be read"),
        (["dictionary", "delete", "9"], "no entry 9"),
        (["dictionary", "import", "nowhere.csv"], "nowhere.csv cannot be read"),
        (["read", "Hi", "--wrapping", "all"], "all"),
        (["read", "?!"], "Nothing"),
    ],
)
def test_the_command_line_refuses(
    data_dir: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main(arguments) == 2
    assert said in capsys.readouterr().err
