"""The commands of an operator, from the database's side: what they print, write, and say when they cannot."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from connectors.registry import load_registry
from phr.accounts import access
from phr.accounts.models import User
from phr.sources.models import Portal, Registration
from phr.sources.registrations import client_of

PROFILES = load_registry()
NAME = next(p.id for p in PROFILES.values() if {"public", "client_secret_basic"} <= set(p.auth.clients))


def run(name: str, *arguments: str) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command(name, *arguments, stdout=out, stderr=err)
    return out.getvalue().strip(), err.getvalue()


def refuses(name: str, *arguments: str) -> str:
    """Return the one sentence that the command fails with."""
    with pytest.raises(CommandError) as caught:
        run(name, *arguments)
    assert caught.value.returncode == 1
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_person_is_made_for_a_user_who_is_there(db: None, make_user: Callable[..., User]) -> None:
    user = make_user("rosa@example.org")
    printed, said = run("create_person", "--user", "ROSA@example.org", "--name", "Rosa Marin")
    [found] = access.people_of(user=user, now=timezone.now())
    assert (found.person_id, found.name, found.role) == (UUID(printed), "Rosa Marin", access.Role.OWNER)
    assert not said


def test_a_person_is_made_for_a_user_who_is_not(db: None) -> None:
    printed, said = run(
        "create_person", "--user", "new@example.org", "--name", "Ben", "--birth-date", "2015-05-01"
    )
    user = User.objects.get(email="new@example.org")
    assert not user.has_usable_password()
    assert "new@example.org" in said
    [found] = access.people_of(user=user, now=timezone.now())
    assert (str(found.person_id), str(found.birth_date)) == (printed, "2015-05-01")


@pytest.mark.parametrize(("user", "name"), [("nobody", "Rosa"), ("a@example.org", "  "), ("", "Rosa")])
def test_a_person_needs_a_user_and_a_name(db: None, user: str, name: str) -> None:
    assert refuses("create_person", "--user", user, "--name", name)
    assert not User.objects.exists()


def test_a_portal_and_its_client_are_put_in(db: None, tmp_path: Path) -> None:
    url = "https://fhir.example.org/r4"
    number, _ = run(
        "add_portal", "--vendor", NAME, "--name", "Mercy", "--url", f"{url}/", "--place", "Joplin"
    )
    portal = Portal.objects.get()
    assert (str(portal.pk), portal.base_url, portal.place) == (number, url, "Joplin")
    again, said = run("add_portal", "--vendor", NAME, "--name", "Mercy General", "--url", url)
    assert again == number
    assert "already" in said

    file = tmp_path / "secret"
    file.write_text("s3cret-value\n")
    asked = ("--vendor", NAME, "--portal-url", url, "--client-id", "us", "--client-secret-file", str(file))
    printed, said = run("register_client", *asked, "--method", "client_secret_basic")
    registration = Registration.objects.get()
    assert printed.endswith(f"/callback/{registration.slug}/")
    assert "s3cret" not in printed + said
    client = client_of(registration=registration)
    assert client.secret is not None
    assert (client.id, client.secret.reveal()) == ("us", "s3cret-value")


def test_what_an_operator_mistypes_is_said_in_a_sentence(db: None, tmp_path: Path) -> None:
    assert "no vendor" in refuses("add_portal", "--vendor", "x", "--name", "M", "--url", "https://a.example")
    assert refuses("add_portal", "--vendor", NAME, "--name", "M", "--url", "a.example")
    assert refuses("add_portal", "--vendor", NAME, "--name", " ", "--url", "https://a.example")
    client = ("register_client", "--vendor", NAME, "--client-id", "us")
    assert "no portal" in refuses(*client, "--portal-url", "https://a.example")
    assert "cannot be read" in refuses(*client, "--client-secret-file", str(tmp_path / "none"))
    file = tmp_path / "two"
    file.write_text("s3cret and more")
    said = refuses(*client, "--client-secret-file", str(file))
    assert "s3cret" not in said
    file.write_bytes(b"\xff\xfe")
    assert refuses(*client, "--client-secret-file", str(file))
    assert not Registration.objects.exists()


def test_connect_token_needs_a_person_and_a_token(db: None, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("t0ken")
    rest = ("--portal-url", "https://a.example", "--vendor", NAME, "--patient", "1")
    nobody = "01a20604-33d6-7061-89ee-efedce4c61a4"
    said = refuses("connect_token", "--person", nobody, *rest, "--access-token-file", str(file))
    assert said == "There is no person with this id."
    said = refuses(
        "connect_token", "--person", nobody, *rest, "--access-token-file", str(file), "--context", "x"
    )
    assert "NAME=VALUE is due" in said


def test_the_table_of_vendors_names_every_profile() -> None:
    printed, _ = run("vendors")
    found = json.loads(run("vendors", "--json")[0])
    assert [each["id"] for each in found] == sorted(PROFILES)
    lines = printed.splitlines()
    assert len(lines) == 1 + len(PROFILES)
    for each, line in zip(found, lines[1:], strict=True):
        profile = PROFILES[each["id"]]
        assert line.startswith(f"{profile.name} ({profile.id})")
        assert each["flows"] == list(profile.auth.flows)
        assert each["plan"] >= 2, "the patient, and at least one more request"
        assert each["status"] == profile.status
        assert each["clients"] == list(profile.auth.clients)
        assert each["refresh"]["style"] == profile.refresh.style
        assert ("search.total" in each["quirks"]) is (profile.search.total != "result")
