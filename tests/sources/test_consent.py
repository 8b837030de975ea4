"""What a person reads of what they agreed to: until when, and what was left out."""

from __future__ import annotations

from datetime import timedelta

from django.utils.formats import date_format

from connectors.sandbox import SandboxClient
from phr.sync import queries
from phr.sync.shapes import SourceCard, SourceDetail
from tests.sources.conftest import DOCTOR, PROFILES, House, OpenHouse
from tests.sources.test_launch import EHR, say_yes

LASTING = next(
    p for p in PROFILES.values() if p.refresh.lifetime_days and {"standalone"} <= set(p.auth.flows)
)


def detail(there: House, source: object) -> SourceDetail:
    with there.sight.open():
        found = queries.source_detail(sight=there.sight, source_id=source, now=there.clock())  # type: ignore[arg-type]
    assert found is not None
    return found


def card(there: House, source: object) -> SourceCard:
    return detail(there, source).card


def missing(there: House) -> tuple[str, ...]:
    with there.sight.open():
        return queries.completeness(sight=there.sight, now=there.clock())


def test_an_end_that_is_known_is_told_in_advance_and_moved_by_a_reconnect(house: OpenHouse) -> None:
    there = house(LASTING)
    lifetime = timedelta(days=LASTING.refresh.lifetime_days or 0)
    source = there.connect().source_id
    by = date_format(there.grant(source).obtained_at + lifetime, "j F Y")
    assert by in detail(there, source).ends_text
    assert not card(there, source).ends_soon
    assert not card(there, source).can_reconnect
    assert missing(there) == ()

    there.clock.ahead += lifetime - timedelta(days=3)
    soon = card(there, source)
    assert by in soon.ends_soon
    assert soon.can_reconnect
    assert any(by in sentence for sentence in missing(there))

    again = there.connect(reconnects=source)
    assert (again.source_id, again.created) == (source, False)
    assert not card(there, source).ends_soon
    assert date_format(there.clock() + lifetime, "j F Y") in detail(there, source).ends_text


def test_an_end_that_nobody_knows_is_not_made_up(house: OpenHouse) -> None:
    there = house(next(p for p in PROFILES.values() if p.id == "generic"))
    source = there.connect().source_id
    there.clock.ahead += timedelta(days=3000)
    assert detail(there, source).ends_text == ""
    assert card(there, source).ends_soon == ""


def test_what_was_withheld_stands_on_the_sources_page(house: OpenHouse) -> None:
    there = house(
        client=SandboxClient(
            scope="launch/patient openid fhirUser offline_access patient/Patient.rs patient/Condition.rs"
        ),
        scopes_granted="registration",
    )
    withheld = detail(there, there.connect().source_id).withheld
    assert withheld
    assert len(set(withheld)) == len(withheld)
    full = house(slug="lakeside")
    assert detail(full, full.connect().source_id).withheld == ()


def test_who_began_it_elsewhere_and_what_was_open_there_is_said(house: OpenHouse) -> None:
    there = house(EHR)
    begun = there.leave(launched=there.launched(account=DOCTOR))
    waiting = there.come_back(there.consent(begun.request.url, account=DOCTOR))
    words = " ".join(detail(there, say_yes(there, waiting).source_id).launch_words)  # type: ignore[arg-type]
    assert "page of the portal" in words
    assert "mercy" in words
    plain = house(slug="lakeside")
    assert detail(plain, plain.connect().source_id).launch_words == ()
