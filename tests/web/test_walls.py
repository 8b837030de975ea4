"""Every address of the resolver, asked by every identity with every method.

tests/web/table.py says what each name answers; a name that is not in it fails the suite, so that nobody adds an
address without saying who may see it. What is asked for exists: a 404 is a wall here, never an accident.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

import psycopg
import pytest
from allauth.account.models import EmailAddress
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.test import Client, override_settings
from django.urls import get_resolver, path, reverse
from django.utils import timezone

from connectors.fhir.bundle import read_resource
from connectors.secret import Secret
from connectors.smart.token_reply import TokenReply
from phr import urls
from phr.accounts.access import Role, Sight, create_person
from phr.accounts.models import Access, User
from phr.core.crypto import seal
from phr.core.environment import DatabaseAddress
from phr.core.tenant import tenant
from phr.records import store
from phr.sources.flows.attempts import digest
from phr.sources.flows.confirm import hold
from phr.sources.models import ConnectAttempt, Portal, Source
from phr.sources.registrations import register, registration_for
from phr.timeline.models import Fact
from phr.timeline.project.project import project
from phr.web.policy import STRICT
from tests.web.table import ELSEWHERE, HEALTH, RECORD, SHARED, admin_addresses, names

PASSWORD: Final = "a long enough password"
IDENTITIES: Final = ("anonymous", "owner", "caregiver", "viewer", "expired", "stranger", "neighbour")
OUTSIDE: Final = ("expired", "stranger", "neighbour")
METHODS: Final = ("get", "head", "post", "put", "patch", "delete", "options", "trace")


@dataclass
class World:
    """A record that holds something, whom it belongs to, and who would like to see it."""

    sight: Sight
    ids: dict[str, UUID | int]
    neighbours: Sight
    clients: dict[str, Client]
    database: DatabaseAddress

    def address(self, name: str, *, person: UUID | None = None) -> str:
        args = [self.ids[each] for each in RECORD[name].args]
        return reverse(name, args=[person or self.sight.person_id, *args])

    def rows(self) -> dict[str, tuple[int, str]]:
        """How many rows each table holds, and a digest of them; read past every wall."""
        with psycopg.connect(self.database.url, autocommit=True) as connection:
            tables = connection.execute(
                "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
            ).fetchall()
            found = {}
            for (table,) in tables:
                # Which record was looked at last, and when a session was used, may change by looking.
                what = {
                    "accounts_user": "(t.id, t.email, t.password, t.is_active, t.is_staff)::text",
                    "django_session": "''",
                }.get(table, "t::text")
                row = connection.execute(
                    f"SELECT count(*), md5(coalesce(string_agg({what}, '' ORDER BY {what}), '')) FROM {table} AS t"
                ).fetchone()
                assert row is not None
                found[table] = (row[0] if table != "django_session" else 0, row[1])
        return found


RESOURCES: Final[tuple[dict[str, object], ...]] = (
    {
        "resourceType": "Encounter",
        "id": "visit",
        "status": "finished",
        "class": {"code": "AMB"},
        "type": [{"text": "A visit nobody else may see"}],
        "period": {"start": "2024-03-01T10:00:00Z", "end": "2024-03-01T10:30:00Z"},
    },
    {
        "resourceType": "Observation",
        "id": "result",
        "status": "final",
        "category": [{"coding": [{"code": "laboratory"}]}],
        "code": {"text": "A result nobody else may see"},
        "effectiveDateTime": "2024-02-01",
        "valueQuantity": {"value": 6.8, "unit": "%"},
    },
)


@pytest.fixture
def world(committed: DatabaseAddress, make_user: Callable[..., User]) -> World:
    # Sign-ins are limited by address, and all of these come from one.
    cache.clear()
    users = {name: make_user(f"{name}@example.org", PASSWORD) for name in IDENTITIES if name != "anonymous"}
    sight = create_person(user=users["owner"], name="Rosa Marin")
    neighbours = create_person(user=users["neighbour"], name="Nils Nachbar")
    past = timezone.now() - timedelta(seconds=1)
    with tenant(person_id=sight.person_id, user_id=users["owner"].pk):
        for name, role, until in (
            ("caregiver", Role.CAREGIVER, None),
            ("viewer", Role.VIEWER, None),
            ("expired", Role.VIEWER, past),
        ):
            Access.objects.create(user=users[name], person_id=sight.person_id, role=role, until_at=until)
    portal = Portal.objects.create(
        profile_id="generic", name="A portal that is down", base_url="https://127.0.0.1:1/fhir"
    )
    register(profile_id="generic", portal=portal, client_id="phr", secret=None, method="public")
    with sight.open():
        source = Source.objects.create(
            person_id=sight.person_id,
            kind=Source.Kind.PORTAL,
            portal=portal,
            profile_id="generic",
            name="A portal that is down",
            base_url=portal.base_url,
            patient_fhir_id="pat",
        )
        store.apply(
            sight=sight,
            source=source,
            entries=[read_resource(json.dumps(each).encode()) for each in RESOURCES],
            volatile=(),
            now=timezone.now(),
        )
        assert project(sight=sight) == 0
        facts = {fact.kind: fact.id for fact in Fact.objects.all()}
    clients = {"anonymous": Client(SERVER_NAME="127.0.0.1")}
    for name, user in users.items():
        # allauth writes this row when it first shows somebody their addresses; nothing else may be written by looking.
        EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
        clients[name] = Client(SERVER_NAME="127.0.0.1")
        signed_in = clients[name].post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
        assert signed_in.status_code == 302
    ids: dict[str, UUID | int] = {
        "fact": facts["result"],
        "visit": facts["visit"],
        "source": source.pk,
        "portal": portal.pk,
        **journeys(sight=sight, portal=portal, session=str(clients["owner"].session.session_key)),
    }
    return World(sight=sight, ids=ids, neighbours=neighbours, clients=clients, database=committed)


def journeys(*, sight: Sight, portal: Portal, session: str) -> dict[str, UUID | int]:
    """A journey of the owner that has not come back, and one that waits to be confirmed."""
    made: dict[str, UUID | int] = {}
    now = timezone.now()
    for name in ("journey", "unconfirmed"):
        attempt = ConnectAttempt(
            user_id=sight.user_id,  # type: ignore[misc]
            person_id=sight.person_id,
            portal=portal,
            registration=registration_for(portal=portal),
            state_digest=digest(name),
            session_digest=digest(session),
            redirect_uri="https://phr.invalid/callback/",
            server={"authorization_endpoint": "https://x.example/a", "token_endpoint": "https://x.example/t"},
            created_at=now,
            expires_at=now + timedelta(minutes=10),
        )
        attempt.request = seal(
            attempt, "request", b'{"url": "https://x.example/a?b=c", "fields": {}, "method": "GET"}'
        )
        with sight.open():
            attempt.save(force_insert=True)
        made[name] = attempt.pk
    hold(
        attempt=attempt,
        sight=sight,
        patient="p",
        resource={"name": [{"text": "A name nobody else may see"}], "birthDate": "1980-01-01"},
        reply=TokenReply(access_token=Secret("a-token")),
        withheld=(),
        now=now,
    )
    return made


def faults_of(answer: HttpResponseBase, *, health_page: bool = True) -> list[str]:
    """The headers that an answer lacks."""
    policy = answer.headers.get("Content-Security-Policy", "")
    wanted = {
        "policy": policy == STRICT or (policy.startswith("default-src 'none'; script-src 'self';")),
        "frames": "frame-ancestors 'none'" in policy and answer.headers.get("X-Frame-Options") == "DENY",
        "nosniff": answer.headers.get("X-Content-Type-Options") == "nosniff",
        "referrer": answer.headers.get("Referrer-Policy") == "same-origin",
        "no-store": not health_page or answer.headers.get("Cache-Control") == "no-store",
    }
    return [name for name, held in wanted.items() if not held]


def test_every_address_stands_in_the_table() -> None:
    assert sorted(names(get_resolver().url_patterns)) == sorted([*RECORD, *ELSEWHERE])


@pytest.mark.parametrize("identity", IDENTITIES)
def test_a_record_answers_whom_it_may(world: World, identity: str) -> None:
    before = world.rows()
    client = world.clients[identity]
    wrong = []
    # What changes something comes last, and disconnecting at the very end.
    for method in sorted(METHODS, key=lambda method: method == "post"):
        if method == "post":
            assert world.rows() == before
        for name, row in RECORD.items():
            answer = getattr(client, method)(world.address(name))
            expected = row.expected(identity, method)
            if answer.status_code != expected:
                wrong.append(f"{method} {name}: {answer.status_code}, not {expected}")
            if faults := faults_of(answer):
                wrong.append(f"{method} {name} lacks {faults}")
            if (identity == "anonymous" or identity in OUTSIDE) and (
                b"Rosa" in answer.content or b"nobody else" in answer.content
            ):
                wrong.append(f"{method} {name} says whose record it is")
            if identity == "anonymous" and answer.status_code == 302:
                assert answer.headers["Location"].startswith("/account/login/?next=/p/")
    assert wrong == []
    if identity not in {"owner", "caregiver"}:
        assert world.rows() == before


def test_a_stranger_cannot_tell_a_record_from_none(world: World) -> None:
    """The same words, byte for byte, for a record that exists and for one that does not."""
    nobody = UUID(int=0)
    for identity in OUTSIDE:
        client = world.clients[identity]
        for name, row in RECORD.items():
            method = "get" if row.get != 405 else "post"
            real, none = (
                getattr(client, method)(world.address(name, person=person)) for person in (None, nobody)
            )
            assert real.status_code == none.status_code == 404
            texts = [
                _without_tokens(answer.content, address)
                for answer, address in ((real, str(world.sight.person_id)), (none, str(nobody)))
            ]
            assert texts[0] == texts[1], name


def _without_tokens(content: bytes, person: str) -> bytes:
    kept = [line for line in content.splitlines() if b"csrfmiddlewaretoken" not in line]
    return b"\n".join(kept).replace(person.encode(), b"PERSON")


def test_what_belongs_to_another_is_not_found_under_ones_own_record(world: World) -> None:
    before = world.rows()
    client = world.clients["neighbour"]
    for name, row in RECORD.items():
        if row.args and row.args != ("portal",):
            address = world.address(name, person=world.neighbours.person_id)
            for method in ("get", "post"):
                assert getattr(client, method)(address).status_code in {404, 405}, (method, name)
            assert client.post(address, headers={"HX-Request": "true"}).status_code in {404, 405}
    assert world.rows() == before


@pytest.mark.parametrize("identity", ["anonymous", "owner", "stranger"])
def test_every_other_address_answers_as_the_table_says(world: World, identity: str) -> None:
    before = world.rows()
    client = world.clients[identity]
    wrong = []
    for name, (args, nobody, somebody) in ELSEWHERE.items():
        expected = nobody if identity == "anonymous" else somebody
        address = reverse(name, args=args)
        for method in METHODS:
            if method == "post" or (method == "put" and name.startswith(("account", "mfa"))):
                continue  # without a token, below; with one they are allauth's own tests
            answer = getattr(client, method)(address)
            if method == "get" and expected and answer.status_code != expected:
                wrong.append(f"{name}: {answer.status_code}, not {expected}")
            if answer.status_code >= 500 and name not in HEALTH:
                wrong.append(f"{method} {name}: {answer.status_code}")
            if faults := faults_of(answer, health_page=name not in SHARED or method not in {"get", "head"}):
                wrong.append(f"{method} {name} lacks {faults}")
    assert wrong == []
    assert world.rows() == before


@pytest.mark.parametrize("identity", ["anonymous", "owner", "stranger"])
def test_nothing_is_changed_without_the_token_of_a_form(world: World, identity: str) -> None:
    before = world.rows()
    strict = Client(SERVER_NAME="127.0.0.1", enforce_csrf_checks=True)
    strict.cookies = world.clients[identity].cookies
    addresses = {name: world.address(name) for name in RECORD}
    addresses |= {name: reverse(name, args=args) for name, (args, *_) in ELSEWHERE.items()}
    for name, address in addresses.items():
        for method in ("post", "put", "patch", "delete"):
            answer = getattr(strict, method)(address)
            # 405 without a look at the token is as good; 200 and 302 would be a change.
            assert answer.status_code in {403, 405} or name in HEALTH, (method, name, answer.status_code)
            assert faults_of(answer) == [], (method, name)
    assert world.rows() == before


def test_the_admin_is_closed_to_everybody_but_staff(world: World) -> None:
    addresses = admin_addresses()
    assert len(addresses) > 5
    for identity in IDENTITIES:
        for address in addresses:
            answer = world.clients[identity].get(address)
            assert answer.status_code in {302, 403, 404}, (identity, address)
            assert faults_of(answer) == []


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("a fault with Rosa Marin in its words")


urlpatterns = [path("broken/", broken), *urls.urlpatterns]
handler400, handler403 = urls.handler400, urls.handler403
handler404, handler500 = urls.handler404, urls.handler500


@override_settings(ROOT_URLCONF="tests.web.test_walls")
@pytest.mark.django_db(databases=["default"])
def test_a_fault_carries_the_headers_and_no_words_of_its_own() -> None:
    client = Client(SERVER_NAME="127.0.0.1", raise_request_exception=False)
    answer = client.get("/broken/")
    assert answer.status_code == 500
    assert b"Something broke here" in answer.content
    assert b"Rosa" not in answer.content
    assert faults_of(answer) == []


@pytest.mark.django_db(databases=["default"])
@pytest.mark.parametrize(
    ("address", "host", "status"),
    [
        ("/", "evil.example", 400),
        ("/nowhere/", "127.0.0.1", 404),
        ("/p/not-an-id/timeline/", "127.0.0.1", 404),
        ("/static/phr/css/base.css", "127.0.0.1", 200),
        ("/static/phr/none.css", "127.0.0.1", 404),
    ],
)
def test_refusals_and_files_carry_the_headers_too(address: str, host: str, status: int) -> None:
    answer = Client(SERVER_NAME=host).get(address)
    answer.close()
    assert answer.status_code == status
    assert faults_of(answer, health_page=not address.startswith("/static/")) == []
