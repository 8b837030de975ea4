"""Coming back by hand: the address that a browser ended on, pasted into the page of its journey."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from phr.accounts import access
from phr.accounts.models import Access, User
from phr.sources import registrations
from phr.sources.flows import pasted
from phr.sources.flows.outcomes import ConnectRefused, Finished
from phr.sources.flows.pasted import Waiting, read_address, read_answer
from tests.connectors.sandbox.browser import send
from tests.sources.conftest import ANNA, SESSION, House, OpenHouse

NOWHERE = "https://phr.invalid/callback/home/"


def without_address(there: House) -> House:
    """Register an address at the vendor that leads nowhere."""
    there.registration.redirect_uri = NOWHERE
    there.registration.save()
    there.running.allow_redirect(NOWHERE)
    return there


def ended(there: House, url: str, **how: object) -> str:
    """Go through consent; return the address that the browser ends on."""
    return there.consent_to(send(url), **how).headers["location"]  # type: ignore[arg-type]


def page(there: House, attempt_id: UUID, *, session: str = SESSION, user: User | None = None) -> Waiting:
    sight = there.sight
    if user is not None:
        sight = access.person_for(user=user, person_id=sight.person_id, now=there.clock())
    with sight.open():
        return pasted.waiting(sight=sight, attempt_id=attempt_id, session_key=session, now=there.clock())


def paste(there: House, waiting: Waiting, text: str, *, session: str = SESSION) -> Finished:
    result = pasted.finish_pasted(
        user=there.user,
        session_key=session,
        there=waiting,
        text=text,
        egress=there.egress,
        now=there.clock(),
    )
    assert isinstance(result, Finished)
    return result


def test_a_server_that_nobody_is_sent_to_connects_all_the_same(house: OpenHouse) -> None:
    there = without_address(house())
    begun = there.leave()
    assert not begun.comes_back
    waiting = page(there, begun.attempt_id)
    assert waiting.redirect_uri == NOWHERE
    # The page has the portal's address again: whoever closed the tab opens it from there.
    assert waiting.request == begun.request
    finished = paste(there, waiting, ended(there, waiting.request.url))
    assert there.source(finished.source_id).patient_fhir_id == ANNA.patient_id
    assert there.works(there.token(finished.source_id))


@pytest.mark.parametrize(
    "write",
    [
        lambda address: f"  <{address}>\n",
        lambda address: f'"{address}"',
        lambda address: address.removeprefix("https://"),
        lambda address: address.replace("https://phr.invalid", "HTTPS://PHR.invalid"),
        lambda address: f"{address}#_=_",
    ],
)
def test_what_copying_adds_or_hides_does_no_harm(house: OpenHouse, write: object) -> None:
    there = without_address(house())
    waiting = page(there, there.leave().attempt_id)
    text = write(ended(there, waiting.request.url))  # type: ignore[operator]
    assert paste(there, waiting, text).created


def test_the_ordinary_callback_can_be_pasted_too(house: OpenHouse) -> None:
    there = house()
    begun = there.leave()
    assert begun.comes_back
    waiting = page(there, begun.attempt_id)
    assert paste(there, waiting, ended(there, waiting.request.url)).created


@pytest.mark.parametrize(
    "change",
    [
        lambda _address: "",
        lambda _address: "hello",
        lambda address: address.partition("?")[0],
        lambda address: address.replace("phr.invalid", "phr.example"),
        lambda address: address.replace("/home/", "/another/"),
        lambda address: address.replace("https://", "http://"),
        lambda address: address.replace("phr.invalid", "phr.invalid:444"),
        lambda address: address.replace("https://", "https://user@"),
        lambda address: address.replace("state=", "other="),
        lambda address: address + "&code=another",
        lambda address: address + "&state=another",
        lambda address: address + "&x=" + "y" * 20_001,
        lambda address: "https://[" + address,
    ],
)
def test_what_is_no_answer_uses_nothing_up_and_asks_nobody(house: OpenHouse, change: object) -> None:
    there = without_address(house())
    waiting = page(there, there.leave().attempt_id)
    address = ended(there, waiting.request.url)
    with pytest.raises(ConnectRefused) as caught:
        paste(there, waiting, change(address))  # type: ignore[operator]
    assert caught.value.code == "not_an_answer"
    assert there.asked("/token") == 0
    assert paste(there, waiting, address).created


def test_what_is_pasted_counts_for_its_own_journey_alone(house: OpenHouse) -> None:
    there = without_address(house())
    first, second = (page(there, there.leave().attempt_id) for _ in range(2))
    with pytest.raises(ConnectRefused) as caught:
        paste(there, second, ended(there, first.request.url))
    assert caught.value.code == "other_portal"
    assert there.asked("/token") == 0


def test_another_session_or_user_sees_no_page_and_pastes_nothing(house: OpenHouse, other_user: User) -> None:
    there = without_address(house())
    begun = there.leave()
    waiting = page(there, begun.attempt_id)
    address = ended(there, waiting.request.url)
    with pytest.raises(ConnectRefused) as caught:
        page(there, begun.attempt_id, session="another")
    assert caught.value.code == "other_session"
    with pytest.raises(ConnectRefused) as caught:
        paste(there, waiting, address, session="another")
    assert caught.value.code == "other_session"
    with there.sight.open():
        Access.objects.create(user=other_user, person_id=there.sight.person_id, role=access.Role.CAREGIVER)
    with pytest.raises(ConnectRefused) as caught:
        page(there, begun.attempt_id, user=other_user)
    assert caught.value.code == "state_unknown"
    assert there.asked("/token") == 0


def test_the_page_ends_with_its_journey(house: OpenHouse) -> None:
    there = without_address(house())
    late, done = there.leave().attempt_id, there.leave().attempt_id
    waiting = page(there, done)
    paste(there, waiting, ended(there, waiting.request.url))
    with pytest.raises(ConnectRefused) as caught:
        page(there, done)
    assert caught.value.code == "state_used"
    there.clock.ahead += timedelta(minutes=10)
    with pytest.raises(ConnectRefused) as caught:
        page(there, late)
    assert caught.value.code == "state_expired"


def test_the_journey_that_has_not_come_back_is_found_again(house: OpenHouse) -> None:
    there = house()

    def found(session: str = SESSION) -> UUID | None:
        with there.sight.open():
            return pasted.open_journey(
                sight=there.sight, portal_id=there.portal.pk, session_key=session, now=there.clock()
            )

    assert found() is None
    there.leave()
    latest = there.leave().attempt_id
    assert found() == latest
    assert found("another") is None
    there.clock.ahead += timedelta(minutes=10)
    assert found() is None


def test_one_way_of_reading_an_answer_serves_both_ways_back() -> None:
    assert read_answer(query="code=a%20b&state=s") == {"code": "a b", "state": "s"}
    assert read_address(text=f"{NOWHERE}?code=a%20b&state=s", redirect_uri=NOWHERE) == read_answer(
        query="code=a%20b&state=s"
    )
    for query in ("code=a&code=b&state=s", "code=a&state=s&state=t", "&".join("x=y" for _ in range(50))):
        with pytest.raises(ConnectRefused):
            read_answer(query=query)


def test_an_address_without_a_way_back_is_said_to_need_pasting(house: OpenHouse) -> None:
    there = house()
    assert registrations.comes_back_here(registration=there.registration)
    without_address(there)
    assert not registrations.comes_back_here(registration=there.registration)
