"""The search of the directory as somebody types, over n names, with and without a slip (mark P8)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from random import Random
from typing import Any, Final

from django.conf import settings
from django.db import connection, connections
from django.test import Client
from django.urls import reverse

from connectors.directory import Listing
from connectors.directory.places import STATES, state_of_postal
from phr.accounts import access
from phr.accounts.models import User
from phr.ops.bench.figure import Figure, Progress, Reference, percentile
from phr.sources import brandwords, directory
from phr.sources.loading import load

DEFAULT_N: Final = 100_000
# So many names are typed letter by letter, each with and without a slip.
_NAMES: Final = 60
# Half of the names share one endpoint, as one vendor's practices do; the others share theirs by four.
_SHARED: Final = 2
_SYLLABLES: Final = (
    "ka",
    "lo",
    "mer",
    "tin",
    "bra",
    "shaw",
    "del",
    "ro",
    "fen",
    "wick",
    "har",
    "sten",
    "ol",
    "gar",
)
_KINDS: Final = (
    "Medical Center",
    "Family Medicine",
    "Health System",
    "Children's Hospital",
    "Clinic",
    "Pediatrics, PC",
    "Orthopedic Associates",
    "Regional Hospital",
    "Women's Health, PLLC",
    "Eye Care, LLC",
)
_PLACES: Final = tuple(STATES.values())


def run(*, n: int, progress: Progress) -> Figure:
    """Load ``n`` invented names, and ask as a browser does while somebody types some of them."""
    sight = access.create_person(
        user=User.objects.create_user(email="bench@example.invalid", password=None), name="Rosa Marin"
    )
    began = time.perf_counter()
    load(name="bench", found=_listings(n), vendor_names={}, now=datetime(2026, 1, 1, tzinfo=UTC))
    words = brandwords.refresh()
    with connections["owner"].cursor() as cursor:
        cursor.execute("ANALYZE sources_brand, sources_portal, sources_brandword")
    loading = time.perf_counter() - began
    progress("loaded", 0.0)

    browser = Client(SERVER_NAME=settings.ALLOWED_HOSTS[0], headers={"hx-request": "true"})
    browser.force_login(User.objects.get(), backend=settings.AUTHENTICATION_BACKENDS[0])
    address = reverse("connect", args=[sight.person_id])
    rightly, slipped = _typed(n)
    whole: dict[bool, list[float]] = {True: [], False: []}
    function: list[float] = []
    bare: list[float] = []
    texts = [(text, slip) for texts, slip in ((rightly, False), (slipped, True)) for text in texts]
    Random(8).shuffle(texts)  # noqa: S311 - the same order each time
    for turn, (text, slip) in enumerate(texts):
        began = time.perf_counter()
        if browser.get(address, {"q": text}).status_code != 200:
            raise RuntimeError("The page did not answer.")
        whole[slip].append(time.perf_counter() - began)
        said: list[tuple[str, Any]] = []
        with connection.execute_wrapper(_remembering(said)), sight.open():
            directory.search(sight=sight, text=text)
        began = time.perf_counter()
        with sight.open():
            directory.search(sight=sight, text=text)
        function.append(time.perf_counter() - began)
        with sight.open(), connection.cursor() as cursor:
            began = time.perf_counter()
            for statement, parameters in said:
                cursor.execute(statement, parameters)
                cursor.fetchall()
            bare.append(time.perf_counter() - began)
        progress("asked", (turn + 1) / len(texts))
    median = percentile(function, 0.5)
    return Figure(
        name="directory",
        n=n,
        seconds=median,
        reference=Reference("the SQL of the same searches, nothing weighed", percentile(bare, 0.5)),
        ratio=median / percentile(bare, 0.5),
        ratio_means="time of the search, its SQL being 1 (medians)",
        more={
            "searches": len(texts),
            "response_p50_ms": _ms(percentile(whole[False], 0.5)),
            "response_p95_ms": _ms(percentile(whole[False], 0.95)),
            "slip_response_p50_ms": _ms(percentile(whole[True], 0.5)),
            "slip_response_p95_ms": _ms(percentile(whole[True], 0.95)),
            "search_p95_ms": _ms(percentile(function, 0.95)),
            "sql_p95_ms": _ms(percentile(bare, 0.95)),
            "words": words,
            "load_seconds": round(loading, 2),
        },
    )


def _listings(n: int) -> Iterator[Listing]:
    """Yield invented names, the same for the same number: rare words, common ones, places, as lists have them."""
    for number in range(n):
        own = f"/own/{number // 4}" if number % _SHARED else "/shared"
        base_url = f"https://fhir.example.invalid{own}"
        code = f"{501 + number * 7919 % 99_000:05}"
        yield Listing(
            base_url=base_url,
            published_url=base_url,
            name=_name(number),
            vendor="generic",
            state=state_of_postal(code) or "OH",
            postal_code=code if number % 3 else "",
        )


def _name(number: int) -> str:
    choice = number * 31 % len(_SYLLABLES) ** 3
    rare = [_SYLLABLES[choice // len(_SYLLABLES) ** place % len(_SYLLABLES)] for place in range(3)]
    kind = _KINDS[number * 17 % len(_KINDS)]
    place = _PLACES[number * 13 % len(_PLACES)] if number % 5 == 0 else ""
    return " ".join(
        filter(None, ("".join(rare).title(), place, kind, str(number // 20_000) if number % 7 == 0 else ""))
    )


def _typed(n: int) -> tuple[list[str], list[str]]:
    """Return what a browser sends while some names are typed: every other letter, and each with a slip."""
    random = Random(8)  # noqa: S311 - the same names each time
    rightly: list[str] = []
    slipped: list[str] = []
    for number in random.sample(range(n), min(_NAMES, n)):
        name = _name(number).lower()[:24]
        at = random.randrange(2, len(name.split()[0]) - 1)
        wrong = name[:at] + name[at + 1] + name[at] + name[at + 2 :]
        for end in range(1, len(name) + 1, 2):
            rightly.append(name[:end])
            if end > at + 1:
                slipped.append(wrong[:end])
    return rightly, slipped


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 2)


def _remembering(said: list[tuple[str, Any]]) -> Any:
    def execute(run: Any, statement: str, parameters: Any, many: bool, context: Any) -> Any:  # noqa: FBT001
        if "SELECT" in statement and "set_config" not in statement:
            said.append((statement, parameters))
        return run(statement, parameters, many, context)

    return execute
