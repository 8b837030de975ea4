"""Every component and every page's states, from hand-made data: for eyes, in development only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from phr.accounts.access import Role, Sight
from phr.timeline.queries.shapes import TimelineFilters, TimelinePage
from phr.web import samples
from phr.web.compare import compare
from phr.web.context import PersonHead
from phr.web.forms import PersonForm
from phr.web.links import by_day, links_for
from phr.web.outcomes import LAUNCHES, OUTCOMES, Outcome
from phr.web.templatetags.phr_web import ICONS
from phr.web.views import errors
from phr.web.views.people import PersonEntry
from phr.web.words import asks

COLOURS: Final = [
    *("paper", "card", "sunk", "line", "edge", "ink", "soft", "accent", "on-accent", "accent-soft"),
    *("high", "high-soft", "good", "good-soft", "warn", "warn-soft"),
]
Build = Callable[[], tuple[str, Mapping[str, Any]]]


def _timeline(page: TimelinePage, *, has_sources: bool = True, faults: tuple[str, ...] = ()) -> Build:
    return lambda: (
        "timeline/page.html",
        {
            "page": page,
            "days": by_day(page.years),
            "links": links_for(page=page, path="/styleguide/timeline/"),
            "filters": page.filters,
            "faults": faults,
            "has_sources": has_sources,
            "section": "timeline",
        },
    )


def _sources(*names: str) -> Build:
    cards = [samples.CARDS[name] for name in names]
    needing = sum(card.state in {"reconnect", "failed"} for card in cards)
    return lambda: ("sources/page.html", {"cards": cards, "needing": needing, "section": "sources"})


def _connect(text: str, *names: str) -> Build:
    portals = [samples.PORTALS[name] for name in names]
    return lambda: ("connect/search.html", {"portals": portals, "q": text, "section": "sources"})


def _portal(name: str) -> Build:
    chosen = samples.PORTALS[name]
    return lambda: (
        "connect/portal.html",
        {"portal": chosen, "asks": asks(chosen.resource_types), "section": "sources"},
    )


def _outcome(outcome: Outcome) -> Build:
    return lambda: ("connect/outcome.html", {"outcome": outcome, "portal_id": 1, "section": "sources"})


def _error(words: errors.ErrorWords) -> Build:
    return lambda: ("errors/error.html", {"error": words})


def _people() -> tuple[str, Mapping[str, Any]]:
    entries = [
        PersonEntry(
            person=PersonHead(id=samples.PERSON_ID, name="Rosa Marin", birth_date=samples.BORN),
            role_text="owner",
        ),
        PersonEntry(
            person=PersonHead(id=samples.PERSON_ID, name="Leo Marin-Ferreira", birth_date=None),
            role_text="viewer",
        ),
    ]
    return "people/page.html", {"people": entries, "form": PersonForm(), "section": "people"}


STATES: Final[Mapping[str, Build]] = {
    "timeline": _timeline(samples.TIMELINE),
    "timeline-filtered": _timeline(
        samples.FILTERED, faults=("A date in the address could not be read and was left out.",)
    ),
    "timeline-nothing-fits": _timeline(samples.NOTHING_FITS),
    "timeline-fetching": _timeline(samples.NOTHING_YET),
    "timeline-empty": _timeline(replace(samples.NOTHING_YET, filters=TimelineFilters()), has_sources=False),
    "timeline-hard": _timeline(samples.HARD),
    "fact": lambda: (
        "facts/page.html",
        {"fact": samples.FACT, "rows": compare(samples.FACT.members), "section": "timeline"},
    ),
    "fact-single": lambda: (
        "facts/page.html",
        {"fact": samples.SINGLE, "rows": compare(samples.SINGLE.members), "section": "timeline"},
    ),
    "visit": lambda: ("visits/page.html", {"visit": samples.VISIT, "section": "timeline"}),
    "sources": _sources("complete", "partial", "syncing", "reconnect"),
    "sources-trouble": _sources("failed", "waiting", "disconnected"),
    "sources-empty": _sources(),
    "source": lambda: ("sources/detail.html", {"source": samples.SOURCE, "section": "sources"}),
    "disconnect": lambda: (
        "sources/disconnect.html",
        {"card": samples.CARDS["partial"], "section": "sources"},
    ),
    "quarantine": lambda: (
        "sources/quarantine.html",
        {"page": samples.QUARANTINE, "source_id": samples.SOURCE.card.id, "section": "sources"},
    ),
    "connect": _connect("", "ready", "connected", "unregistered"),
    "connect-none": _connect("st. nowhere"),
    "connect-portal": _portal("ready"),
    "connect-not-ready": _portal("unregistered"),
    "people": _people,
    "welcome": lambda: ("home/welcome.html", {"registration_open": True, "person": None}),
    "first-run": lambda: (
        "home/first_run.html",
        {"form": PersonForm({"name": "", "birth_date": "2999-01-01"})},
    ),
    "account": lambda: ("home/account.html", {"section": "account"}),
    **{f"callback-{code}".replace("_", "-"): _outcome(each) for code, each in OUTCOMES.items()},
    **{f"launch-{code}".replace("_", "-"): _outcome(each) for code, each in LAUNCHES.items()},
    **{f"error-{status}": _error(words) for status, words in errors.PAGES.items()},
    "error-csrf": _error(errors.CSRF),
    "error-429": lambda: ("429.html", {}),
}


@require_safe
def styleguide(request: HttpRequest) -> HttpResponse:
    """Show the components together, and a link to each state."""
    _pretend(request)
    context = {
        "states": list(STATES),
        "kinds": list(ICONS),
        "lines": samples.LINES,
        "colours": COLOURS,
        "form": PersonForm({"name": ""}),
    }
    return render(request, "styleguide/page.html", context)


@require_safe
def state(request: HttpRequest, name: str) -> HttpResponse:
    """Show one page in one state."""
    if name not in STATES:
        raise Http404
    _pretend(request)
    template, context = STATES[name]()
    return render(request, template, {**context, "styleguide": True})


def _pretend(request: HttpRequest) -> None:
    sight = Sight(
        person_id=samples.PERSON_ID, name="Rosa Marin", birth_date=samples.BORN, role=Role.OWNER, user_id=None
    )
    request.sight = sight  # type: ignore[attr-defined]
