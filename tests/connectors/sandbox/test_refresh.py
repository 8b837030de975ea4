import pytest

from tests.connectors.sandbox.browser import App, send
from tests.connectors.sandbox.conftest import Clock, OpenPortal


def test_rotation_gives_a_new_token_and_kills_the_family_on_reuse(portal: OpenPortal) -> None:
    running = portal(refresh_rotates=True)
    app = App(running)
    first = app.connect()
    second = app.refresh(first).json
    assert second["refresh_token"] != first["refresh_token"]
    third = app.refresh(second).json
    url = f"{running.base_url}/Patient/anna"
    assert send(url, bearer=third["access_token"]).status == 200
    assert app.refresh(first).json["error"] == "invalid_grant"
    assert app.refresh(third).json["error"] == "invalid_grant"
    assert send(url, bearer=third["access_token"]).status == 401


@pytest.mark.parametrize("returned", [True, False])
def test_a_fixed_refresh_token_stays_good(portal: OpenPortal, returned: bool) -> None:  # noqa: FBT001
    app = App(portal(refresh_rotates=False, refresh_returned=returned))
    tokens = app.connect()
    for _ in range(3):
        answer = app.refresh(tokens)
        assert answer.status == 200
        assert answer.json.get("refresh_token") == (tokens["refresh_token"] if returned else None)
        assert answer.json["access_token"] != tokens["access_token"]


def test_no_refresh_token_without_offline_access(portal: OpenPortal) -> None:
    assert "refresh_token" not in App(portal()).connect(scope="openid patient/Patient.rs")


def test_no_refresh_token_where_the_vendor_has_none(portal: OpenPortal) -> None:
    app = App(portal(refresh_given=False))
    assert "refresh_token" not in app.connect()
    assert app.configuration["grant_types_supported"] == ["authorization_code"]


def test_a_refresh_cannot_widen_its_scope(portal: OpenPortal) -> None:
    app = App(portal())
    tokens = app.connect()
    wider = app.refresh(tokens | {"scope": "patient/Patient.rs patient/Condition.rs"})
    assert wider.json["error"] == "invalid_scope"
    narrower = app.refresh(tokens | {"scope": "patient/Patient.rs"})
    assert narrower.json["scope"] == "patient/Patient.rs"


def test_a_server_may_want_the_scope_named_again(portal: OpenPortal) -> None:
    app = App(portal(refresh_scope="required"))
    tokens = app.connect()
    without = app.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert without.json["error"] == "invalid_scope"
    assert app.refresh(tokens).status == 200


def test_a_server_may_refuse_to_hear_the_scope_again(portal: OpenPortal) -> None:
    app = App(portal(refresh_scope="forbidden"))
    tokens = app.connect()
    assert app.refresh(tokens).json["error"] == "invalid_scope"
    without = app.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert without.status == 200


@pytest.mark.parametrize("rotates", [True, False])
def test_a_grant_ends_after_its_days_however_often_it_is_used(
    portal: OpenPortal,
    clock: Clock,
    rotates: bool,  # noqa: FBT001 - a fact of the server
) -> None:
    app = App(portal(clock=clock, refresh_rotates=rotates, refresh_lifetime_days=10))
    tokens = app.connect()
    for _ in range(3):
        clock.forward(days=3)
        tokens |= app.refresh(tokens).json
    clock.forward(days=1, seconds=1)
    assert app.refresh(tokens).json["error"] == "invalid_grant"


@pytest.mark.parametrize("rotates", [True, False])
def test_a_grant_ends_when_it_is_not_used(
    portal: OpenPortal,
    clock: Clock,
    rotates: bool,  # noqa: FBT001 - a fact of the server
) -> None:
    app = App(portal(clock=clock, refresh_rotates=rotates, refresh_idle_days=10))
    tokens = app.connect()
    for _ in range(3):
        clock.forward(days=9)
        tokens |= app.refresh(tokens).json
    clock.forward(days=10, seconds=1)
    assert app.refresh(tokens).json["error"] == "invalid_grant"


def test_the_next_refresh_may_come_too_soon(portal: OpenPortal, clock: Clock) -> None:
    app = App(portal(clock=clock, refresh_min_seconds=60))
    tokens = app.connect()
    assert app.refresh(tokens).status == 200
    clock.forward(seconds=59)
    assert app.refresh(tokens).status == 429
    clock.forward(seconds=1)
    assert app.refresh(tokens).status == 200


def test_a_refresh_token_may_come_unasked(portal: OpenPortal) -> None:
    assert "refresh_token" in App(portal(refresh_unasked=True)).connect(scope="openid patient/Patient.rs")


def test_where_no_word_asks_for_it_a_refresh_token_comes_always(portal: OpenPortal) -> None:
    app = App(portal(scope_words=("openid", "launch/patient")))
    assert "refresh_token" in app.connect(scope="openid patient/Patient.rs")


def test_the_form_may_have_to_name_the_client(portal: OpenPortal) -> None:
    app = App(portal(form_client_id_required=True, client_auth=("client_secret_basic",)))
    tokens = app.connect()
    assert app.refresh(tokens).status == 200
    without = app.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"], client_id="")
    assert without.status == 400
    assert without.json["error"] == "invalid_request"
