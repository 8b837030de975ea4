from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from phr.accounts.access import Role, Sight
from phr.accounts.models import Access, User
from phr.core.tenant import tenant
from tests.web.conftest import Addresses

# Name of the address, its further arguments, and the methods that it takes.
RECORD: list[tuple[str, tuple[object, ...], str]] = [
    ("timeline", (), "get"),
    ("fact", (uuid4(),), "get"),
    ("visit", (uuid4(),), "get"),
    ("sources", (), "get"),
    ("connect", (), "get"),
    ("connect_portal", (1,), "get"),
    ("connect_begin", (1,), "post"),
    ("connect_waiting", (uuid4(),), "get"),
    ("connect_waiting", (uuid4(),), "post"),
    ("connect_confirm", (uuid4(),), "get"),
    ("connect_confirm", (uuid4(),), "post"),
    ("source", (uuid4(),), "get"),
    ("source_sync", (uuid4(),), "post"),
    ("source_reconnect", (uuid4(),), "post"),
    ("source_disconnect", (uuid4(),), "get"),
    ("source_disconnect", (uuid4(),), "post"),
    ("quarantine", (uuid4(),), "get"),
]
every_address = pytest.mark.parametrize(("name", "args", "method"), RECORD)
# Their page asks first, under the same address.
ASK_FIRST = {"source_disconnect", "connect_waiting", "connect_confirm"}
CHANGES = [(name, args) for name, args, method in RECORD if method == "post" and name not in ASK_FIRST]

pytestmark = pytest.mark.django_db(databases=["default"])


@every_address
def test_it_requires_login(addresses: Addresses, name: str, args: tuple[object, ...], method: str) -> None:
    answer = getattr(Client(SERVER_NAME="127.0.0.1"), method)(addresses.of(name, *args))
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/account/login/?next=/p/")


@every_address
def test_it_hides_it_from_a_stranger(  # noqa: PLR0917 - fixtures and parameters, by name
    addresses: Addresses,
    stranger: User,
    signed_in: Callable[[User], Client],
    name: str,
    args: tuple[object, ...],
    method: str,
) -> None:
    answer = getattr(signed_in(stranger), method)(addresses.of(name, *args))
    assert answer.status_code == 404
    assert b"Rosa Marin" not in answer.content


@pytest.mark.parametrize(("name", "args"), CHANGES)
def test_a_change_is_never_made_by_get(
    addresses: Addresses, browser: Client, name: str, args: tuple[object, ...]
) -> None:
    answer = browser.get(addresses.of(name, *args))
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "POST"


def test_a_change_without_the_token_is_refused_in_words(addresses: Addresses, browser: Client) -> None:
    strict = Client(SERVER_NAME="127.0.0.1", enforce_csrf_checks=True)
    strict.cookies = browser.cookies
    answer = strict.post(addresses.of("source_sync", uuid4()))
    assert answer.status_code == 403
    assert b"This form is too old" in answer.content


def test_a_viewer_reads_and_changes_nothing(
    sight: Sight, addresses: Addresses, stranger: User, signed_in: Callable[[User], Client]
) -> None:
    with tenant(person_id=sight.person_id, user_id=sight.user_id):
        Access.objects.create(user=stranger, person_id=sight.person_id, role=Role.VIEWER)
    viewer = signed_in(stranger)
    assert viewer.get(addresses.of("timeline")).status_code == 200
    page = viewer.get(addresses.of("sources"))
    assert page.status_code == 200
    assert viewer.get(addresses.of("connect")).status_code == 404
    assert viewer.post(addresses.of("source_sync", uuid4())).status_code == 404


def test_an_access_that_ended_a_second_ago_is_a_strangers(
    sight: Sight, addresses: Addresses, stranger: User, signed_in: Callable[[User], Client]
) -> None:
    with tenant(person_id=sight.person_id, user_id=sight.user_id):
        Access.objects.create(
            user=stranger,
            person_id=sight.person_id,
            role=Role.VIEWER,
            until_at=timezone.now() - timedelta(seconds=1),
        )
    assert signed_in(stranger).get(addresses.of("timeline")).status_code == 404


def test_connecting_asks_for_the_password_again_after_a_while(
    addresses: Addresses, owner: User, signed_in: Callable[[User], Client]
) -> None:
    User.objects.filter(pk=owner.pk).update(date_joined=owner.date_joined - timedelta(hours=1))
    answer = signed_in(owner).get(addresses.of("connect_portal", 1))
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/account/reauthenticate/")


def test_connecting_right_after_the_sign_up_asks_for_nothing_more(
    addresses: Addresses, owner: User, signed_in: Callable[[User], Client]
) -> None:
    assert signed_in(owner).get(addresses.of("connect_portal", 1)).status_code == 404


def test_a_partial_without_a_session_reloads_the_page(addresses: Addresses) -> None:
    client = Client(SERVER_NAME="127.0.0.1", headers={"HX-Request": "true"})
    answer = client.get(addresses.of("sources"))
    assert answer.headers["HX-Refresh"] == "true"
    assert b"password" not in answer.content


def test_connecting_right_after_the_sign_in_asks_for_nothing_more(
    addresses: Addresses, browser: Client
) -> None:
    assert browser.get(addresses.of("connect_portal", 999)).status_code == 404
