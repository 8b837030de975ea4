"""What the `sandbox` command serves, and what it says about records that it cannot serve."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from connectors.registry import load_registry
from phr.ops import portals
from tests.ops.running import manage

REGISTRY = load_registry()
TWO = portals.profiles_of(list(REGISTRY)[:2], registry=REGISTRY)
PATIENT = {
    "resourceType": "Patient",
    "id": "p",
    "name": [{"given": ["Åsa", "B"], "family": "O'Neil"}],
    "identifier": [{"system": "urn:x", "value": "1"}],
}
WEIGHT = {
    "resourceType": "Observation",
    "id": "o",
    "status": "final",
    "code": {"text": "weight"},
    "subject": {"reference": "Patient/p"},
}


def bundle(*resources: dict[str, Any]) -> str:
    entries = [{"resource": resource} for resource in resources]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries})


def plan(paths: list[Path], *, shared: float = 1.0) -> portals.Plan:
    return portals.of_records(
        paths,
        profiles=TWO,
        redirect_uris=["http://h/callback/{vendor}/", "http://h/{slug}/"],
        latency_ms=5,
        shared=shared,
        seed=1,
    )


def test_each_portal_has_its_own_ids_and_the_pairs_say_which_are_one(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(bundle(PATIENT, WEIGHT))
    made = plan([tmp_path / "a.json"])
    assert [spec.profile for spec in made.specs] == list(TWO)
    ids = [{json.loads(raw)["id"] for raw in spec.bodies()} for spec in made.specs]
    assert len(ids[0]) == len(ids[1]) == 2
    assert not ids[0] & ids[1]
    assert set(made.pairs) == {"Patient/p", "Observation/o"}
    for spec in made.specs:
        assert made.pairs["Patient/p"][spec.slug] == f"Patient/{spec.accounts[0].patient_id}"


def test_the_patient_can_sign_in_and_the_client_be_called_back(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(bundle(PATIENT))
    spec = plan([tmp_path / "a.json"]).specs[0]
    assert [account.username for account in spec.accounts] == ["åsa-o-neil"]
    assert spec.clients[0].redirect_uris == (
        f"http://h/callback/{spec.profile.id}/",
        f"http://h/{spec.slug}/",
    )
    assert spec.latency_ms == 5


def test_who_treats_them_can_sign_in_and_launch_the_app(tmp_path: Path) -> None:
    doctor = {"resourceType": "Practitioner", "id": "d", "name": [{"given": ["Ida"], "family": "Holm"}]}
    (tmp_path / "a.json").write_text(
        bundle(PATIENT, WEIGHT | {"performer": [{"reference": "Practitioner/d"}]}, doctor)
    )
    spec = plan([tmp_path / "a.json"]).specs[0]
    [staff] = spec.staff
    assert (staff.username, staff.name) == ("staff", "Ida Holm")
    kind, _, identifier = staff.reference.partition("/")
    held = [json.loads(raw) for raw in spec.bodies()]
    assert identifier in {each["id"] for each in held if each["resourceType"] == kind == "Practitioner"}
    assert spec.clients[0].launch_url == f"http://h/launch/{spec.profile.id}/"


def test_two_people_of_one_name_have_two_accounts(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.json").write_text(bundle({**PATIENT, "id": name}))
    spec = plan([tmp_path / "a.json", tmp_path / "b.json"]).specs[0]
    assert [account.username for account in spec.accounts] == ["åsa-o-neil", "åsa-o-neil-2"]
    assert len({account.patient_id for account in spec.accounts}) == 2


def test_one_patient_may_be_spread_over_files(tmp_path: Path) -> None:
    (tmp_path / "Patient.ndjson").write_text(json.dumps(PATIENT))
    (tmp_path / "Observation.ndjson").write_text(json.dumps(WEIGHT))
    made = plan([tmp_path / "Patient.ndjson", tmp_path / "Observation.ndjson"])
    assert set(made.pairs) == {"Patient/p", "Observation/o"}


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        (["<html>"], "not FHIR JSON"),
        ([bundle(WEIGHT)], "no Patient"),
        ([bundle(PATIENT, {**PATIENT, "id": "q"})], "one Patient each"),
    ],
    ids=["html", "nobody", "two_in_one_file"],
)
def test_records_that_cannot_be_served_are_one_sentence(tmp_path: Path, texts: list[str], says: str) -> None:
    paths = []
    for number, text in enumerate(texts):
        paths.append(tmp_path / f"{number}.json")
        paths[-1].write_text(text)
    with pytest.raises(portals.PortalsError, match=says):
        plan(paths)


def test_an_unknown_vendor_is_answered_with_the_known_ones(data_dir: Path) -> None:
    done = manage(data_dir, "sandbox", "--vendor", "nobody")
    assert done.returncode == 1
    assert f"the profiles are {', '.join(REGISTRY)}" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_demo_names_profiles_that_there_are() -> None:
    profiles = portals.profiles_of(portals.demo_vendors(), registry=REGISTRY)
    assert len({profile.id for profile in profiles}) == 3
