"""The demo's user, family, registrations and connections: `manage.py seed_demo PORTALS.json`.

Two portals are connected through the true SMART flow, this module standing in for the browser and the person at the
consent page; the third is left for whoever tries the demo. What is there already is left as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl, urljoin, urlsplit

from allauth.account.models import EmailAddress
from django.conf import settings
from django.utils import timezone

from connectors.sandbox.family import family
from connectors.secret import Secret
from phr.accounts import access
from phr.accounts.access import Sight
from phr.accounts.models import User
from phr.core.network import egress
from phr.sources.flows.begin import begin
from phr.sources.flows.finish import finish
from phr.sources.flows.outcomes import Finished
from phr.sources.models import Portal, Registration, Source
from phr.sources.portals import add_portal
from phr.sources.registrations import register
from phr.sync import requests
from phr.sync.models import Run
from phr.sync.pipeline import session

EMAIL: Final = "demo@example.org"
PASSWORD: Final = "demo-family-2026"  # noqa: S105 - printed on the terminal, for invented people on loopback
# How many of a person's portals are connected from the start, the last ones: clinic and laboratory saw them last, so
# the first screen shows what both say. The hospital is left for whoever tries the demo.
_CONNECTED: Final = 2
_SESSION: Final = "demo"


def seed(portals: Sequence[Mapping[str, Any]]) -> None:
    """Make what is missing of the demo, and sync what it connected."""
    _register(portals)
    user = User.objects.filter(email=EMAIL).first() or User.objects.create_user(EMAIL, PASSWORD)
    # Whoever tries the demo sees the operator's pages too: on this machine they are the operator.
    User.objects.filter(pk=user.pk, is_staff=False).update(is_staff=True)
    # Ours to say: it is no address that mail could be sent to.
    EmailAddress.objects.get_or_create(user=user, email=EMAIL, defaults={"primary": True, "verified": True})
    people = {sight.name: sight for sight in access.people_of(user=user, now=timezone.now())}
    made = family(seed=1, until=timezone.now().date())
    for place, person in enumerate(made.people):
        sight = people.get(person.name) or access.create_person(
            user=user, name=person.name, birth_date=person.birth_date
        )
        if place == 0 and user.last_person_id is None:
            User.objects.filter(pk=user.pk).update(last_person_id=sight.person_id)
        accounts = [portal for portal in portals if portal["slug"] in person.accounts][-_CONNECTED:]
        for portal in accounts:
            account = person.accounts[portal["slug"]]
            _connect(sight=sight, portal=portal, username=account.username, password=account.password)


def _register(portals: Sequence[Mapping[str, Any]]) -> None:
    for portal in portals:
        row, _new = add_portal(
            profile_id=portal["vendor"], name=portal["name"], base_url=portal["base_url"], place="Sandbox"
        )
        # It is this portal's alone: the directory holds hospitals of the same vendor, which never heard of the demo.
        # Its slug is the vendor's all the same, for the sandbox knows the way back by that.
        bound = Registration.objects.filter(profile_id=portal["vendor"], portal=row).exists()
        registration, _new = register(
            profile_id=portal["vendor"],
            portal=row if bound else None,
            client_id=portal["client_id"],
            secret=Secret(portal["client_secret"]) if portal["client_secret"] else None,
            method=portal["client_method"],
        )
        Registration.objects.filter(pk=registration.pk).update(portal=row)


def _connect(*, sight: Sight, portal: Mapping[str, Any], username: str, password: str) -> None:
    """Go through consent as a person would, and sync once; a chart that is connected already is left alone."""
    assert sight.user_id is not None
    row = Portal.objects.get(base_url=portal["base_url"])
    with sight.open():
        if Source.objects.filter(portal=row).exists():
            return
    begun = begin(sight=sight, portal_id=row.pk, session_key=_SESSION, egress=egress(), now=timezone.now())
    back = consent(begun.request.url, username=username, password=password)
    slug = urlsplit(back).path.rstrip("/").rpartition("/")[2]
    finished = finish(
        user=User.objects.get(pk=sight.user_id),
        session_key=_SESSION,
        slug=slug,
        params=dict(parse_qsl(urlsplit(back).query)),
        egress=egress(),
        now=timezone.now(),
    )
    assert isinstance(finished, Finished)
    with sight.open():
        requests.request(
            sight=sight, source_id=finished.source_id, trigger=Run.Trigger.CONNECT, now=timezone.now()
        )
    while (
        session.work(source_id=finished.source_id, egress=egress(), clock=timezone.now)
        is session.Outcome.AGAIN
    ):
        pass


def consent(url: str, *, username: str, password: str) -> str:
    """Sign in at a sandbox portal and allow; returns the address that the browser is sent back to."""
    page, url = _browse("GET", url)
    for form in ({"username": username, "password": password}, {"decision": "allow"}):
        action = _found(r'<form method=post action="([^"]+)"', page)
        ticket = _found(r'name=ticket value="([^"]+)"', page)
        page, url = _browse("POST", urljoin(url, action), form={"ticket": ticket, **form})
    return url


def _browse(method: str, url: str, *, form: Mapping[str, str] | None = None) -> tuple[str, str]:
    """Go where a browser would; returns the page, and its address or the one of ours that it leads back to."""
    while True:
        reply = egress().request(method, url, form=form, redirects="return")
        if "location" not in reply.headers:
            return reply.content.decode(), url
        url = urljoin(url, reply.headers["location"])
        if url.startswith(f"{settings.PHR_BASE_URL}/"):
            return "", url
        method, form = "GET", None


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise SystemExit("The sandbox portal did not show the page that the demo expects.")
    return match.group(1)
