"""The checks of connecting and of a grant's life: each raises where client and server do not fit together."""

from __future__ import annotations

from datetime import timedelta

from connectors.errors import Denied, Reauthorize
from connectors.profile import Profile
from connectors.scopes import ScopeSet, compare
from connectors.smart.examine import examine
from tests.conformance.app import Connection, PatientApp
from tests.conformance.bench import NotHere, World, key_client
from tests.conformance.chart import STRANGER
from tests.conformance.export import Operator
from tests.conformance.sync import Sync


def connects(world: World, profile: Profile) -> None:
    """Every kind of client that the profile names or the server accepts gets through sign-in to a token."""
    app = world.app(profile)
    for method in dict.fromkeys([*profile.auth.clients, *world.server.client_auth]):
        assert app.is_alive(app.connect(method=method)), method
    for algorithm in world.server.signing_algorithms if "private_key_jwt" in profile.auth.clients else ():
        assert app.is_alive(app.connect(client=key_client(algorithm))), algorithm


def discovery_agrees(world: World, profile: Profile) -> None:
    """What the server says of itself speaks against nothing in the profile (`examine`)."""
    app = world.app(profile)
    server = app.discover(client_id=app.client().id)
    found = [
        finding
        for finding in examine(server=server, openid=None, capability=None, profile=profile)
        # A document of the vendor's own says too little and too much: of it only what is fatal counts.
        if finding.severity == "stops_connecting" or (finding.severity == "differs" and not world.is_captured)
    ]
    assert not found, "; ".join(f"{each.field}: {each.sentence}" for each in found)


def scopes_are_least(world: World, profile: Profile) -> None:
    """No more is asked for than is read, by name wherever the server knows names, and all of it is granted."""
    clean = world.clean(profile)
    asked = ScopeSet.parse(clean.connection.asked)
    for scope in asked.resources:
        assert set(scope.interactions) <= set("rs"), f"{scope.text} would write"
        assert scope.context == "patient" or scope.resource_type in world.server.user_scope_types, scope.text
        assert scope.resource_type != "*" or world.server.scope_wildcards == "only", (
            f"{scope.text} where types are known by name"
        )
    if world.server.scopes_granted == "as_asked":
        lacking = compare(asked=asked, granted=clean.connection.granted)
        assert not lacking, f"asked for and not granted: {lacking}"


def patient_is_found(world: World, profile: Profile) -> None:
    """The record that the app opens is that of the patient who signed in."""
    assert world.clean(profile).connection.patient == world.chart.patient


def id_token_is_verified(world: World, profile: Profile) -> None:
    """An id_token that comes is verified, and says who signed in."""
    if not world.server.id_token:
        raise NotHere("the server issues no id_token")
    connection = world.clean(profile).connection
    if "openid" not in connection.asked.split():
        raise NotHere("no id_token is asked for")
    assert connection.claims is not None, "no id_token came"
    user = connection.claims.get("fhirUser", "")
    if "fhirUser" in connection.asked.split():
        assert str(user).endswith(f"Patient/{world.chart.patient}")


def refreshes_as_said(world: World, profile: Profile) -> None:
    """A grant is renewed in the style that the profile says, however often in a row."""
    app = world.app(profile)
    connection = app.connect()
    assert _style(app, connection) == profile.refresh.style
    if connection.refresh_token is not None:
        for _ in range(2):
            app.refresh(connection)
            assert app.is_alive(connection)


def _style(app: PatientApp, connection: Connection) -> str:
    if connection.refresh_token is None:
        return "none"
    return "fixed" if app.refresh(connection).refresh_token is None else "rotating"


def ends_as_said(world: World, profile: Profile) -> None:
    """A grant ends on the day that the profile foresees, unused or however well it is kept, and no sooner."""
    server, said = world.server, profile.refresh
    idle = {days for days in (server.refresh_idle_days, said.idle_days) if days}
    whole = {days for days in (server.refresh_lifetime_days, said.lifetime_days) if days}
    if not idle | whole:
        raise NotHere("no end is known")
    app = world.app(profile)
    for days in sorted(idle):
        _ends(app, after=days, step=days)
    for days in sorted(whole):
        _ends(app, after=days, step=min(idle, default=days + 1) - 1)


def _ends(app: PatientApp, *, after: int, step: int) -> None:
    """Use a grant every `step` days; see that it holds until the eve of day `after`, and what then becomes of it."""
    connection = app.connect()
    eve = connection.granted_at + timedelta(days=after - 1)
    while app.clock() < eve:
        app.clock.forward(days=min(step, (eve - app.clock()).days or 1))
        if step < after or app.clock() >= eve:
            assert not app.foresees_end(connection), "given up before its time"
            app.refresh(connection)
    begins = connection.granted_at if step < after else connection.refreshed_at or connection.granted_at
    app.clock.forward(seconds=(begins + timedelta(days=after, hours=1) - app.clock()).total_seconds())
    foreseen = app.foresees_end(connection)
    assert foreseen == (not _renews(app, connection)), f"after {after} days: foreseen {foreseen}"


def _renews(app: PatientApp, connection: Connection) -> bool:
    try:
        app.refresh(connection)
    except (Reauthorize, Denied):
        return False
    return True


def revocation_ends_it(world: World, profile: Profile) -> None:
    """After the person ends it, here or at the portal, nothing is read and nothing renewed: only a new consent
    helps.
    """
    app = world.app(profile)
    connection = app.connect()
    assert app.is_alive(connection)
    if connection.server.revocation_endpoint:
        assert app.revoke(connection), "the portal declines to forget the token"
        if connection.refresh_token is None:
            connection.reply = app.connect().reply
            world.portal.grants.revoke_all()
    else:
        world.portal.grants.revoke_all()
    assert not app.is_alive(connection)
    assert not _renews(app, connection)
    assert app.is_alive(app.connect()), "a new consent does not help"


def launches(world: World, profile: Profile) -> None:
    """Every launch that the server has leads to the patient and to the record: from the app, from the portal's own
    page, by staff.
    """
    app = world.app(profile)
    endpoint = app.discover(client_id=app.client().id).authorization_endpoint
    # A captured document may be that of the patients' server, where staff have no business.
    patients_own = any(each in endpoint for each in profile.auth.authorize_rewrite.values())
    for flow in dict.fromkeys([*world.server.flows, *profile.auth.flows]):
        if flow == "backend" or (flow == "provider" and patients_own):
            continue
        connection = app.connect(flow=flow)
        assert connection.patient == world.chart.patient, flow
        held = Sync(app, connection).run(files=False).held
        lacking = {"Patient", world.chart.long} - {key.partition("/")[0] for key in held}
        assert lacking <= set(world.server.refuses), f"{flow}: no {sorted(lacking)}"


def introspects(world: World, profile: Profile) -> None:
    """Where the server tells what it thinks of a token, it is asked in the way that it accepts."""
    app = world.app(profile)
    connection = app.connect()
    if not connection.server.introspection_endpoint:
        raise NotHere("discovery names no introspection endpoint")
    found = app.introspect(connection)
    assert found is not None
    assert found.active
    assert found.client_id in {"", connection.client.id}


def registers_itself(world: World, profile: Profile) -> None:
    """Where apps register without anybody's hands, this one does, and connects with what it was made."""
    if world.server.dynamic_registration == "none" and profile.auth.dynamic_registration == "none":
        raise NotHere("registration is by hand")
    app = world.app(profile)
    assert app.is_alive(app.register())


def exports(world: World, profile: Profile) -> None:
    """Every kind of export that the server offers is asked for with a key alone, and holds both patients."""
    levels = dict.fromkeys([*world.server.bulk_levels, *profile.bulk.levels])
    if not levels and "backend" not in {*world.server.flows, *profile.auth.flows}:
        raise NotHere("nothing is given without a person")
    operator = Operator(world.app(profile))
    operator.token()
    for level in levels:
        held = operator.export(level)
        assert {f"Patient/{world.chart.patient}", f"Patient/{STRANGER}"} <= held, level
