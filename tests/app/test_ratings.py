"""Votes on what was spoken: kept with the profile, counted when the job is gone, refused where nothing can be heard."""

from __future__ import annotations

from typing import Any

import pytest
from api_service import Service

from app.callers import Caller
from app.storage.ratings import RatingStore, Score


def voted(service: Service, stars: int, **fields: Any) -> str:
    job_id = str(service.completed("Bom dia.", **fields)["id"])
    response = service.client.put(f"/jobs/{job_id}/rating", json={"stars": stars})
    assert (response.status_code, response.json()["rating"]) == (200, stars), response.text
    return job_id


def profile(service: Service, name: str) -> str:
    response = service.client.post("/quality-profiles/silence", json={"name": name})
    return str(response.json()["id"])


def test_jobs_are_counted_and_votes_averaged_by_profile_the_most_used_first(service: Service) -> None:
    client, rare, often = service.client, profile(service, "Rare"), profile(service, "Often")
    for stars in (5, 2, 4):
        voted(service, stars, quality_profile_id=often)
    service.completed(quality_profile_id=often)  # nobody voted
    for stars in (1, 1):
        voted(service, stars, quality_profile_id=rare)
    service.completed()
    found = client.get("/analytics/profiles-usage").json()
    assert [(one["name"], one["title"], one["engine"], one["uses"], one["stars"], one["votes"]) for one in found] == [
        (often, "Often", "silence", 4, 3.67, 3),
        (rare, "Rare", "silence", 2, 1.0, 2),
        ("silence_balanced", "Balanced", "silence", 1, None, 0),
    ]
    scores = {one["id"]: one["quality_score"] for one in client.get("/quality-profiles/silence").json()["profiles"]}
    assert scores == {often: 7.33, rare: 2.0, "silence_balanced": None}
    assert client.get(f"/quality-profiles/silence/{often}").json()["quality_score"] == 7.33
    everywhere = client.get("/quality-profiles").json()["silence_profiles"]
    assert {one["id"]: one["quality_score"] for one in everywhere} == scores


def test_a_second_vote_takes_the_place_of_the_first_and_outlives_the_job_and_the_profile(service: Service) -> None:
    client, mine = service.client, profile(service, "Mine")
    job_id = voted(service, 1, quality_profile_id=mine)
    assert client.put(f"/jobs/{job_id}/rating", json={"stars": 5}).json()["rating"] == 5
    assert client.get(f"/jobs/{job_id}").json()["rating"] == 5
    assert [one["rating"] for one in client.get("/jobs").json()["jobs"]] == [5]
    client.delete(f"/jobs/{job_id}")
    [use] = client.get("/analytics/profiles-usage").json()
    assert (use["title"], use["stars"], use["votes"]) == ("Mine", 5.0, 1)
    client.delete(f"/quality-profiles/silence/{mine}")
    [use] = client.get("/analytics/profiles-usage").json()
    assert (use["name"], use["title"], use["engine"], use["stars"]) == (mine, None, None, 5.0)


@pytest.mark.parametrize("body", [{}, {"stars": 0}, {"stars": 6}, {"stars": 4.5}, {"stars": 3, "review": "good"}])
def test_what_is_no_vote_is_refused(service: Service, body: dict[str, Any]) -> None:
    job_id = service.completed()["id"]
    response = service.client.put(f"/jobs/{job_id}/rating", json=body)
    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")
    assert service.client.get(f"/jobs/{job_id}").json()["rating"] is None


def test_only_what_can_be_heard_is_voted_on(service: Service) -> None:
    client = service.client
    waiting, stopped = service.add()["id"], service.add()["id"]
    client.post(f"/jobs/{stopped}/cancel")
    for job_id, status, code in (
        (waiting, 425, "job_not_ready"),
        (stopped, 409, "job_without_sound"),
        ("job_000000000000", 404, "job_not_found"),
    ):
        response = client.put(f"/jobs/{job_id}/rating", json={"stars": 3})
        assert (response.status_code, response.json()["code"]) == (status, code)
    assert RatingStore(service.services.database).by_profile() == {}


def test_votes_are_ones_own_and_an_admin_sees_the_mean_of_all(service: Service) -> None:
    database = service.services.database
    ana, rui = Caller("user_ana"), Caller("user_rui")
    RatingStore(database, ana).rate("job_1", "silence_balanced", 2)
    RatingStore(database, rui).rate("job_1", "silence_balanced", 5)
    assert RatingStore(database, ana).of_jobs(["job_1", "job_2"]) == {"job_1": 2}
    assert RatingStore(database, rui).by_profile() == {"silence_balanced": Score(5.0, 1)}
    assert RatingStore(database, Caller("root", is_admin=True)).by_profile() == {"silence_balanced": Score(3.5, 2)}
