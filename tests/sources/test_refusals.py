"""Callbacks that are not what they should be: each is refused by its code, and changes no row."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from connectors.sandbox import Fault
from phr.accounts import access
from phr.accounts.models import Access, User
from phr.core.tenant import tenant
from phr.sources.flows.outcomes import CONNECT_CODES, ConnectRefused, Finished
from phr.sources.models import ConnectAttempt, Grant, Source
from tests.sources.conftest import ANNA, BEN, PROFILES, House, OpenHouse


def refused(there: House, params: dict[str, str], **changes: object) -> ConnectRefused:
    """Finish, expect a refusal, and see that no source came of it."""
    before = _rows(there)
    with pytest.raises(ConnectRefused) as caught:
        there.finish(params, **changes)  # type: ignore[arg-type]
    assert caught.value.code in CONNECT_CODES
    assert _rows(there) == before
    return caught.value


def _rows(there: House) -> list[tuple[object, ...]]:
    with there.sight.open():
        sources = Source.objects.values_list("pk", "state", "patient_fhir_id", "connected_at")
        grants = Grant.objects.order_by("pk")
        return [
            *sources,
            *((g.pk, bytes(g.access_token or b""), bytes(g.refresh_token or b"")) for g in grants),
        ]


def test_a_state_works_once(house: OpenHouse) -> None:
    there = house()
    params = there.consent(there.begin())
    there.finish(params)
    sent = there.asked("/token")
    error = refused(there, params)
    assert error.code == "state_used"
    assert there.asked("/token") == sent


def test_two_callbacks_at_once_send_one_code(house: OpenHouse) -> None:
    there = house()
    params = there.consent(there.begin())

    def come_back(_number: int) -> Finished | ConnectRefused:
        try:
            return there.finish(params)
        except ConnectRefused as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(come_back, range(8)))
    assert sum(isinstance(each, Finished) for each in results) == 1
    assert {each.code for each in results if isinstance(each, ConnectRefused)} == {"state_used"}
    assert there.asked("/token") == 1


def test_a_state_ends_after_ten_minutes(house: OpenHouse) -> None:
    there = house()
    params = there.consent(there.begin())
    error = refused(there, params, now=timezone.now() + timedelta(minutes=10))
    assert error.code == "state_expired"
    assert error.portal_id == there.portal.pk
    assert there.asked("/token") == 0
    assert there.finish(params, now=timezone.now() + timedelta(minutes=9)).created


def test_a_made_up_state_is_unknown(house: OpenHouse) -> None:
    there = house()
    assert refused(there, {"state": "made up", "code": "x"}).code == "state_unknown"
    assert refused(there, {"code": "x"}).code == "state_unknown"
    assert refused(there, {"state": "\x00\ud800", "code": "x"}).code == "state_unknown"
    assert there.asked("/token") == 0


def test_another_session_of_the_same_user_gets_nothing(house: OpenHouse) -> None:
    there = house()
    params = there.consent(there.begin())
    assert refused(there, params, session="another").code == "other_session"
    assert refused(there, params, session="").code == "other_session"
    assert there.asked("/token") == 0
    assert there.finish(params).created  # the right browser may still come


def test_another_user_learns_nothing_of_the_journey(house: OpenHouse, other_user: User) -> None:
    there = house()
    params = there.consent(there.begin())
    error = refused(there, params, user=other_user)
    assert (error.code, error.person_id, error.portal_id) == ("state_unknown", None, None)
    # Not even one who may see the person.
    with there.sight.open():
        Access.objects.create(user=other_user, person_id=there.sight.person_id, role=access.Role.CAREGIVER)
    assert refused(there, params, user=other_user).code == "state_unknown"
    assert there.asked("/token") == 0


def test_an_access_that_ended_meanwhile_finishes_nothing(house: OpenHouse) -> None:
    there = house()
    params = there.consent(there.begin())
    with there.sight.open():
        Access.objects.update(role=access.Role.VIEWER)
    assert refused(there, params).code == "state_unknown"
    assert there.asked("/token") == 0


def test_a_callback_at_another_portals_address_is_refused(house: OpenHouse) -> None:
    there, elsewhere = house(), house(slug="lakeside")
    params = there.consent(there.begin())
    assert refused(there, params, slug=elsewhere.registration.slug).code == "other_portal"
    assert there.asked("/token") + elsewhere.asked("/token") == 0
    assert there.finish(params).created


def test_two_journeys_at_once_do_not_cross(house: OpenHouse) -> None:
    honest, hostile = house(), house(slug="lakeside")
    ours, theirs = honest.begin(), hostile.begin()
    code = honest.consent(ours)["code"]
    # The hostile server answers with the code that it wants redeemed, or with the other journey's state.
    crossed = hostile.consent(theirs) | {"code": code}
    with pytest.raises(ConnectRefused) as caught:
        hostile.finish(crossed)
    assert caught.value.code == "portal_error"
    assert honest.asked("/token") == 0
    assert hostile.asked("/token") == 1  # its own code endpoint alone, with its own verifier


def test_denying_is_told_as_that(house: OpenHouse) -> None:
    there = house()
    error = refused(there, there.consent(there.begin(), decision="deny"))
    assert (error.code, error.person_id) == ("denied", there.sight.person_id)
    assert there.asked("/token") == 0


@pytest.mark.parametrize("change", [{"iss": "https://elsewhere.example"}, {"iss": ""}])
def test_an_answer_of_another_issuer_is_refused(house: OpenHouse, change: dict[str, str]) -> None:
    there = house(authorization_iss=True)
    params = there.consent(there.begin())
    assert params["iss"]
    assert refused(there, params | change).code == "issuer_mismatch"
    assert refused(there, params).code == "state_used"
    assert there.asked("/token") == 0


def test_the_right_issuer_connects(house: OpenHouse) -> None:
    there = house(authorization_iss=True)
    assert there.finish(there.consent(there.begin())).created


@pytest.mark.parametrize("error", ["server_error", "invalid_scope", "<b>", "login_required"])
def test_an_error_in_the_callback_is_a_portals(house: OpenHouse, error: str) -> None:
    there = house()
    params = there.consent(there.begin())
    found = refused(there, {"state": params["state"], "error": error, "error_description": "Anna Berg"})
    assert found.code == "portal_error"
    assert found.detail is not None
    assert "Anna" not in str(found)


def test_a_reconnect_with_another_chart_merges_nothing(house: OpenHouse) -> None:
    there = house()
    first = there.connect()
    params = there.consent(there.begin(reconnects=first.source_id), account=BEN)
    error = refused(there, params)
    assert (error.code, error.reconnects) == ("other_patient", first.source_id)
    assert there.source(first.source_id).patient_fhir_id == ANNA.patient_id
    # What was granted by mistake is given back.
    assert there.asked("/revoke") == 2
    assert there.works(there.token(first.source_id))


def test_another_chart_without_a_reconnect_is_another_source(house: OpenHouse) -> None:
    there = house()
    anna, ben = there.connect(), there.connect(account=BEN)
    assert anna.source_id != ben.source_id
    assert ben.created


def test_a_token_for_nobody_is_given_back(house: OpenHouse) -> None:
    profile = next(p for p in PROFILES.values() if set(p.patient.sources) <= {"token", "fhir_user"})
    there = house(profile, patient_in_token=False, id_token=False)
    assert refused(there, there.consent(there.begin())).code == "no_patient"
    assert there.asked("/revoke") > 0


@pytest.mark.parametrize(
    ("fault", "detail"),
    [
        (Fault(kind="html", where="token"), "html"),
        (Fault(kind="status", where="token", status=503), "server_error"),
        (Fault(kind="reset", where="token"), "connection_lost"),
        (Fault(kind="truncate", where="token"), "truncated"),
        (Fault(kind="invalid_grant", where="token"), "code_refused"),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else value,
)
def test_a_token_endpoint_that_fails_is_a_bounded_error(house: OpenHouse, fault: Fault, detail: str) -> None:
    there = house()
    params = there.consent(there.begin())
    there.running.set_faults(fault)
    error = refused(there, params)
    assert (error.code, error.detail) == ("portal_error", detail)
    assert refused(there, params).code == "state_used"
    assert there.asked("/token") == 1


def test_keys_that_cannot_be_fetched_connect_nothing(house: OpenHouse) -> None:
    there = house()
    params = there.consent(there.begin())
    there.running.set_faults(Fault(kind="status", where="jwks", status=500))
    assert refused(there, params).detail == "server_error"


def test_a_nonce_of_another_journey_connects_nothing(house: OpenHouse) -> None:
    there = house()
    params = there.consent(there.begin())
    with tenant(user_id=there.user.pk):
        assert ConnectAttempt.objects.update(nonce="another") == 1
    assert refused(there, params).detail == "bad_id_token"
