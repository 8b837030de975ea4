"""Launches that a portal's own page begins, and those of professionals, up to the word of somebody who looked."""

from __future__ import annotations

import json
from datetime import date, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from phr.accounts import access
from phr.accounts.models import Person, User
from phr.core.tenant import tenant
from phr.sources.flows import confirm
from phr.sources.flows.launch import Launched, LaunchRefused, launched
from phr.sources.flows.outcomes import ConnectRefused, Finished, Unconfirmed
from phr.sources.models import ConnectAttempt, Grant, Launch, Portal, Source
from tests.sources.conftest import ANNA, BEN, DOCTOR, PROFILES, SESSION, House, OpenHouse

EHR = next(
    p
    for p in PROFILES.values()
    if {"ehr", "provider", "standalone"} <= set(p.auth.flows)
    and p.refresh.style == "rotating"
    and p.auth.aud == "send"
    and p.auth.dynamic_registration == "none"
)
every_launch = pytest.mark.parametrize(
    "name", sorted(p.id for p in PROFILES.values() if "ehr" in p.auth.flows)
)
every_provider = pytest.mark.parametrize(
    "name", sorted(p.id for p in PROFILES.values() if "provider" in p.auth.flows)
)


def by_staff(there: House, *, patient: object = ANNA, **how: object) -> Unconfirmed:
    begun = there.leave(launched=there.launched(account=DOCTOR, patient=patient, **how))  # type: ignore[arg-type]
    waiting = there.come_back(there.consent(begun.request.url, account=DOCTOR))
    assert isinstance(waiting, Unconfirmed)
    return waiting


def shown(there: House, waiting: Unconfirmed, *, session: str = SESSION) -> confirm.Candidate | None:
    with there.sight.open():
        return confirm.candidate(
            sight=there.sight, attempt_id=waiting.attempt_id, session_key=session, now=there.clock()
        )


def say_yes(there: House, waiting: Unconfirmed, *, looked_twice: bool = True) -> Finished:
    return confirm.confirm(
        sight=there.sight,
        attempt_id=waiting.attempt_id,
        session_key=SESSION,
        looked_twice=looked_twice,
        now=there.clock(),
    )


def say_no(there: House, waiting: Unconfirmed) -> None:
    confirm.decline(
        sight=there.sight,
        attempt_id=waiting.attempt_id,
        session_key=SESSION,
        egress=there.egress,
        now=there.clock(),
    )


def sources(there: House) -> int:
    with there.sight.open():
        return Source.objects.count()


@every_launch
def test_a_patient_starts_us_from_the_portals_page(house: OpenHouse, name: str) -> None:
    there = house(PROFILES[name])
    begun = there.leave(launched=there.launched())
    asked = {key: values[0] for key, values in parse_qs(urlsplit(begun.request.url).query).items()}
    assert asked["launch"]
    assert "launch" in asked["scope"].split()
    assert "launch/patient" not in asked["scope"].split()
    finished = there.come_back(there.consent(begun.request.url))
    # Where the id_token says that the patient signed in themselves, nobody need confirm it.
    if isinstance(finished, Unconfirmed):
        assert not PROFILES[name].server.id_token
        finished = say_yes(there, finished)
    assert there.source(finished.source_id).patient_fhir_id == ANNA.patient_id
    assert there.grant(finished.source_id).launch == Launch.EHR
    assert there.works(there.token(finished.source_id))


@every_provider
def test_a_professional_chooses_at_the_portal_and_confirms_here(house: OpenHouse, name: str) -> None:
    there = house(PROFILES[name])
    begun = there.leave(as_staff=True)
    waiting = there.come_back(there.consent(begun.request.url, account=DOCTOR, patient=BEN))
    assert isinstance(waiting, Unconfirmed)
    assert sources(there) == 0
    candidate = shown(there, waiting)
    assert candidate is not None
    assert (candidate.name, candidate.birth_date) == ("Ben Berg", "2012-07-01")
    finished = say_yes(there, waiting)
    assert there.source(finished.source_id).patient_fhir_id == BEN.patient_id
    assert there.grant(finished.source_id).launch == Launch.PROVIDER
    assert there.works(there.token(finished.source_id), account=BEN)


def test_a_professionals_launch_makes_nothing_before_the_word(house: OpenHouse) -> None:
    there = house(EHR)
    waiting = by_staff(there)
    with there.sight.open():
        assert (Source.objects.count(), Grant.objects.count()) == (0, 0)
    with tenant(user_id=there.user.pk):
        kept = ConnectAttempt.objects.get(pk=waiting.attempt_id)
    assert b"Berg" not in bytes(kept.unconfirmed or b"")
    finished = say_yes(there, waiting)
    grant = there.grant(finished.source_id)
    # Who it was is not all that the portal said: the visit that was open there and the house are kept.
    assert grant.context["tenant"] == "mercy"
    assert grant.context["banner"] is False
    with tenant(user_id=there.user.pk):
        kept = ConnectAttempt.objects.get(pk=waiting.attempt_id)
    assert (kept.unconfirmed, kept.confirm_before) == (None, None)
    with pytest.raises(ConnectRefused):
        say_yes(there, waiting)


def test_name_and_birth_date_are_compared_and_never_decide(house: OpenHouse) -> None:
    there = house(EHR)
    waiting = by_staff(there)
    first = shown(there, waiting)
    assert first is not None
    # The record has no birth date: that is not agreement.
    assert (first.names_agree, first.birth_dates_agree) == ("same", "unknown")
    assert first.needs_a_second_look
    with pytest.raises(ConnectRefused) as caught:
        say_yes(there, waiting, looked_twice=False)
    assert caught.value.code == "not_waiting"
    with there.sight.open():
        Person.objects.update(birth_date=date(1980, 2, 29))
    there.sight = access.person_for(user=there.user, person_id=there.sight.person_id, now=there.clock())
    second = shown(there, waiting)
    assert second is not None
    assert not second.needs_a_second_look
    assert say_yes(there, waiting, looked_twice=False).created


def test_who_has_the_same_name_and_another_birth_date_is_not_waved_through(house: OpenHouse) -> None:
    there = house(EHR)
    with there.sight.open():
        Person.objects.update(birth_date=date(1981, 2, 28), name="Berg Anna")
    there.sight = access.person_for(user=there.user, person_id=there.sight.person_id, now=there.clock())
    candidate = shown(there, by_staff(there))
    assert candidate is not None
    assert (candidate.names_agree, candidate.birth_dates_agree) == ("same", "differs")
    assert candidate.needs_a_second_look


def test_declining_gives_the_access_back_and_keeps_nothing(house: OpenHouse) -> None:
    there = house(EHR)
    waiting = by_staff(there)
    say_no(there, waiting)
    assert there.asked("/revoke") > 0
    assert sources(there) == 0
    assert shown(there, waiting) is None
    with pytest.raises(ConnectRefused):
        say_yes(there, waiting)
    say_no(there, waiting)  # a second press does nothing


def test_whoever_looks_for_too_long_begins_again(house: OpenHouse) -> None:
    there = house(EHR)
    waiting = by_staff(there)
    there.clock.ahead += timedelta(minutes=10)
    assert shown(there, waiting) is None
    with pytest.raises(ConnectRefused):
        say_yes(there, waiting)
    asked = there.asked("/revoke")
    confirm.give_back_unconfirmed(sight=there.sight, egress=there.egress, now=there.clock())
    assert there.asked("/revoke") > asked
    with tenant(user_id=there.user.pk):
        assert ConnectAttempt.objects.get(pk=waiting.attempt_id).unconfirmed is None


def test_a_token_that_aged_while_somebody_looked_is_not_taken_for_fresh(house: OpenHouse) -> None:
    there = house(EHR, access_token_seconds=3600)
    waiting = by_staff(there)
    there.clock.ahead += timedelta(minutes=9)
    grant = there.grant(say_yes(there, waiting).source_id)
    assert grant.access_expires_at is not None
    assert grant.access_expires_at <= there.clock() + timedelta(minutes=51)


def test_nobody_else_confirms_it(house: OpenHouse, other_user: User) -> None:
    there = house(EHR)
    waiting = by_staff(there)
    assert shown(there, waiting, session="another") is None
    theirs = access.create_person(user=other_user, name="Anna Berg")
    for sight in (theirs, access.create_person(user=there.user, name="Anna Berg")):
        with pytest.raises(ConnectRefused), sight.open():
            confirm.candidate(
                sight=sight, attempt_id=waiting.attempt_id, session_key=SESSION, now=there.clock()
            )
    assert shown(there, waiting) is not None


def test_a_patient_whose_name_the_portal_keeps_back_is_connected_to_nobody(house: OpenHouse) -> None:
    there = house(EHR)
    begun = there.leave(launched=there.launched(account=DOCTOR))
    params = there.consent(begun.request.url, account=DOCTOR)
    there.running.delete("Patient", ANNA.patient_id)
    with pytest.raises(ConnectRefused) as caught:
        there.come_back(params)
    assert caught.value.code == "portal_error"
    assert there.asked("/revoke") > 0
    assert sources(there) == 0


@pytest.mark.parametrize(
    "change",
    [
        lambda _iss: "https://elsewhere.example/fhir",
        lambda iss: iss + "/more",
        lambda iss: iss.rsplit("/", 1)[0],
        lambda iss: iss.upper(),
        lambda iss: iss.replace("127.0.0.1", "127.0.0.1.elsewhere.example"),
        lambda iss: iss.replace("http://", "http://127.0.0.1@"),
        lambda iss: iss.replace("http", "https"),
        lambda iss: iss + "?x=1",
        lambda iss: iss + "#x",
        lambda iss: iss + "\x00",
        lambda _iss: "",
        lambda _iss: "javascript:alert(1)",
    ],
)
def test_an_issuer_that_is_not_to_the_letter_one_of_ours_is_asked_nothing(
    house: OpenHouse, change: object
) -> None:
    there = house(EHR)
    given = there.launched()
    before = len(there.running.requests())
    with pytest.raises(LaunchRefused) as caught:
        launched(slug=there.registration.slug, iss=change(given.iss), value=given.value)  # type: ignore[operator]
    assert caught.value.code in {"unknown", "incomplete"}
    assert len(there.running.requests()) == before


def test_a_slash_at_the_end_is_the_same_portal_and_goes_back_as_it_came(house: OpenHouse) -> None:
    there = house(EHR)
    given = there.launched()
    again = launched(slug=there.registration.slug, iss=f"{given.iss}/", value=given.value)
    assert again.portal == there.portal
    begun = there.leave(launched=again)
    assert parse_qs(urlsplit(begun.request.url).query)["aud"] == [f"{given.iss}/"]


def test_the_portal_of_one_registration_does_not_start_another(house: OpenHouse) -> None:
    there, elsewhere = house(EHR), house(EHR, slug="lakeside")
    given = there.launched()
    with pytest.raises(LaunchRefused) as caught:
        launched(slug=elsewhere.registration.slug, iss=given.iss, value=given.value)
    assert caught.value.code == "unknown"
    with pytest.raises(LaunchRefused):
        launched(slug="nobody", iss=given.iss, value=given.value)


def test_an_address_that_a_user_typed_starts_nothing(house: OpenHouse) -> None:
    there = house(EHR)
    given = there.launched()
    Portal.objects.update(origin=Portal.Origin.TYPED)
    with pytest.raises(LaunchRefused) as caught:
        launched(slug=there.registration.slug, iss=given.iss, value=given.value)
    assert caught.value.code == "unknown"


def test_a_vendor_that_starts_no_apps_is_not_followed(house: OpenHouse) -> None:
    there = house()
    assert "ehr" not in PROFILES[there.running.profile_id].auth.flows
    with pytest.raises(LaunchRefused) as caught:
        launched(slug=there.registration.slug, iss=there.running.base_url, value="x")
    assert caught.value.code == "not_offered"


def test_a_launch_does_not_print_what_the_portal_knows_its_session_by(house: OpenHouse) -> None:
    there = house(EHR)
    given: Launched = there.launched()
    assert given.value not in repr(given)
    candidate = shown(there, by_staff(there))
    assert "Berg" not in repr(candidate)
    assert "Berg" not in json.dumps(str(candidate))
