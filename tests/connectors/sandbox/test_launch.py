"""The portal's own page: a patient, or staff, launches an app from there."""

import html
import re
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from connectors.sandbox import Account, RunningPortal, SandboxClient, Staff
from tests.connectors.sandbox.browser import CALLBACK, Answer, App, send, ticket_of
from tests.connectors.sandbox.conftest import ANNA, PATIENT, OpenPortal
from tests.connectors.sandbox.test_oauth import id_claims

LAUNCH_URL = "http://127.0.0.1:8000/launch/mercy/"
SCOPE = "launch openid fhirUser patient/Patient.rs"
STAFF = Staff(username="dr.holm", password="their word", name="Dr. Holm", reference="Practitioner/holm")
BERT = Account(username="bert", password="b", patient_id="bert", name="Bert Berg")
CHART = [
    PATIENT,
    b'{"resourceType":"Patient","id":"bert"}',
    b'{"resourceType":"Encounter","id":"old","subject":{"reference":"Patient/bert"},"period":{"start":"2020"}}',
    b'{"resourceType":"Encounter","id":"new","subject":{"reference":"Patient/bert"},"period":{"start":"2026"}}',
    b'{"resourceType":"DiagnosticReport","id":"report","subject":{"reference":"Patient/bert"}}',
]


@pytest.fixture
def running(portal: OpenPortal) -> RunningPortal:
    return portal(
        resources=CHART,
        clients=[SandboxClient(redirect_uris=(CALLBACK,), launch_url=LAUNCH_URL, name="A record of my own")],
        flows=("standalone", "ehr", "provider"),
        spec={"accounts": [ANNA, BERT], "staff": [STAFF]},
    )


class Desk:
    """A browser at the portal's own page."""

    def __init__(self, running: RunningPortal) -> None:
        self.origin = "/".join(running.base_url.split("/")[:3])
        self.cookie = ""

    def get(self, path: str) -> Answer:
        return send(f"{self.origin}{path}", headers={"Cookie": self.cookie} if self.cookie else {})

    def post(self, path: str, **form: str) -> Answer:
        answer = send(
            f"{self.origin}{path}", form=form, headers={"Cookie": self.cookie} if self.cookie else {}
        )
        if "set-cookie" in answer.headers:
            self.cookie = answer.headers["set-cookie"].partition(";")[0]
        return answer

    def sign_in(self, person: Account | Staff) -> Answer:
        answer = self.post("/portal/sign-in", username=person.username, password=person.password)
        assert (answer.status, answer.headers["location"]) == (303, "/portal")
        return self.get("/portal")

    def launch(self, running: RunningPortal, **form: str) -> dict[str, str]:
        answer = self.post("/portal/launch", app=running.client_id, **form)
        assert answer.status == 302, answer
        assert answer.headers["location"].startswith(f"{LAUNCH_URL}?")
        return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


def test_a_patient_launches_an_app(running: RunningPortal) -> None:
    desk = Desk(running)
    page = desk.sign_in(BERT)
    assert b"A record of my own" in page.body
    assert b"<select" not in page.body
    given = desk.launch(running)
    assert given.keys() == {"iss", "launch"}
    assert given["iss"] == running.base_url
    app = App(running)
    assert {"launch-ehr", "context-ehr-patient"} <= set(app.configuration["capabilities"])
    # The same browser is signed in already: consent is all that is asked.
    url = f"{app.configuration['authorization_endpoint']}?"
    url += urlencode(app.request(scope=SCOPE, launch=given["launch"]))
    consent = desk.get(url.removeprefix(desk.origin))
    assert b"Bert Berg" in consent.body
    assert b">Allow<" in consent.body
    tokens = app.exchange(app.decide(ticket_of(consent)).query["code"]).json
    assert tokens["patient"] == "bert"
    assert tokens["need_patient_banner"] is False
    assert tokens["tenant"] == "mercy"
    assert tokens["intent"] == "review-record"
    assert tokens["fhirContext"] == [{"reference": "DiagnosticReport/report", "role": "launch"}]
    assert "encounter" not in tokens
    style = send(tokens["smart_style_url"])
    sheet = send(f"{desk.origin}/portal.css").body.decode()
    assert all(value in sheet for value in style.json.values())


def test_staff_launch_an_app_for_a_patient_they_choose(running: RunningPortal) -> None:
    desk = Desk(running)
    page = desk.sign_in(STAFF)
    assert re.findall(rb'<option value="([^"]+)"', page.body) == [b"anna", b"bert"]
    given = desk.launch(running, patient="bert")
    app = App(running)
    # Another browser has to sign in, as the one who launched it and nobody else.
    ticket = ticket_of(app.authorize(scope=SCOPE, launch=given["launch"]))
    for person, status in ((BERT, 400), (STAFF, 200)):
        form = {"ticket": ticket, "username": person.username, "password": person.password}
        assert send(f"{app.origin}/oauth2/sign-in", form=form).status == status
    tokens = app.exchange(app.decide(ticket).query["code"]).json
    assert tokens["patient"] == "bert"
    assert tokens["encounter"] == "new"
    assert id_claims(app, tokens)["fhirUser"] == f"{running.base_url}/Practitioner/holm"
    introspected = app.introspect(tokens["access_token"])
    assert introspected["patient"] == "bert"


def test_staff_who_come_from_an_app_choose_the_patient_there(running: RunningPortal) -> None:
    app = App(running)
    ticket = ticket_of(app.authorize(scope="launch/patient openid fhirUser patient/Patient.rs"))
    form = {"ticket": ticket, "username": STAFF.username, "password": STAFF.password}
    page = send(f"{app.origin}/oauth2/sign-in", form=form)
    assert b"Choose a patient" in page.body
    # Without a choice there is nothing to allow.
    assert app.decide(ticket).status == 400
    assert send(f"{app.origin}/oauth2/choose", form={"ticket": ticket, "patient": "nobody"}).status == 400
    consent = send(f"{app.origin}/oauth2/choose", form={"ticket": ticket, "patient": "bert"})
    assert b"Bert Berg" in consent.body
    tokens = app.exchange(app.decide(ticket).query["code"]).json
    assert (tokens["patient"], tokens["need_patient_banner"]) == ("bert", True)
    assert send(f"{running.base_url}/Patient/bert", bearer=tokens["access_token"]).status == 200
    assert send(f"{running.base_url}/Patient/anna", bearer=tokens["access_token"]).status == 404


def test_a_patient_cannot_choose_a_patient(running: RunningPortal) -> None:
    app = App(running)
    ticket, _ = app.consent_page()
    assert send(f"{app.origin}/oauth2/choose", form={"ticket": ticket, "patient": "bert"}).status == 400
    assert app.exchange(app.decide(ticket).query["code"]).json["patient"] == "anna"


def test_a_launch_counts_once_and_is_the_apps_own(running: RunningPortal) -> None:
    desk = Desk(running)
    desk.sign_in(ANNA)
    launch = desk.launch(running)["launch"]
    app = App(running)
    assert app.authorize(scope=SCOPE, launch="made up").query["error"] == "invalid_request"
    assert app.authorize(scope="openid patient/Patient.rs", launch=launch).query["error"] == "invalid_scope"
    assert app.authorize(scope=SCOPE).query["error"] == "invalid_scope"
    ticket, _ = app.consent_page(scope=SCOPE, launch=launch)
    assert app.decide(ticket).query["code"]
    assert app.authorize(scope=SCOPE, launch=launch).query["error"] == "invalid_request"


def test_nobody_launches_without_signing_in(running: RunningPortal) -> None:
    desk = Desk(running)
    assert b"Sign in" in desk.get("/portal").body
    assert desk.post("/portal/launch", app=running.client_id).status == 400
    wrong = desk.post("/portal/sign-in", username="anna", password="guess")
    assert wrong.status == 400
    assert "set-cookie" not in wrong.headers
    desk.sign_in(STAFF)
    assert desk.post("/portal/launch", app=running.client_id, patient="nobody").status == 400
    assert desk.post("/portal/launch", app="another", patient="anna").status == 400
    desk.post("/portal/sign-out")
    assert desk.post("/portal/launch", app=running.client_id, patient="anna").status == 400


def test_the_session_is_the_portals_own(running: RunningPortal) -> None:
    desk = Desk(running)
    answer = desk.post("/portal/sign-in", username="anna", password="a word")
    name, _, rest = answer.headers["set-cookie"].partition("=")
    assert name == "portal_mercy"
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= {part.strip() for part in rest.split(";")}


def test_another_person_can_be_chosen_on_the_page(running: RunningPortal) -> None:
    desk = Desk(running)
    links = re.findall(rb'href="(/portal\?[^"]+)"', desk.get("/portal").body)
    assert b'value="dr.holm"' in desk.get(html.unescape(links[-1].decode())).body


def test_a_portal_without_launches_has_no_such_page(portal: OpenPortal) -> None:
    running = portal()
    assert Desk(running).get("/portal").status == 404
    app = App(running)
    assert app.authorize(launch="x").query["error"] == "invalid_request"
    assert "launch-ehr" not in app.configuration["capabilities"]


def test_an_app_may_be_launched_from_the_portal_only(portal: OpenPortal) -> None:
    assert App(portal(flows=("ehr",))).authorize().query["error"] == "invalid_request"


def test_staff_cannot_sign_in_where_the_flow_is_not_theirs(portal: OpenPortal) -> None:
    app = App(portal(spec={"staff": [STAFF]}))
    form = {"ticket": ticket_of(app.authorize()), "username": STAFF.username, "password": STAFF.password}
    assert send(f"{app.origin}/oauth2/sign-in", form=form).status == 400
