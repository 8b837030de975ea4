"""The portal's own page, from which a person launches an app: SMART App Launch 2.2, "EHR launch"."""

import json
from typing import Any, Final
from urllib.parse import urlencode

from connectors.sandbox import pages
from connectors.sandbox.clients import Registered
from connectors.sandbox.content import Content
from connectors.sandbox.http import Request, Response, html_response, redirect
from connectors.sandbox.journey import COOKIE, Journey
from connectors.sandbox.signin import SignIns
from connectors.sandbox.spec import Account, PortalSpec, Staff

STYLE_PATH: Final = "/portal-style.json"
# The colours of portal.css, for apps that want to look as if they belonged to it.
STYLE: Final = {
    "color_background": "#fffefb",
    "color_error": "#a3241c",
    "color_highlight": "#6a3d8f",
    "color_text": "#22262b",
    "dim_border_radius": "8px",
}


class EhrPages:
    """`/portal`: sign in, see the apps, launch one with a patient in context."""

    def __init__(
        self,
        *,
        spec: PortalSpec,
        journey: Journey,
        sign_ins: SignIns,
        content: Content,
        origin: str,
        base_url: str,
    ) -> None:
        """Stand at `origin`; apps are told of the FHIR server at `base_url`."""
        self._spec = spec
        self._journey = journey
        self._sign_ins = sign_ins
        self._content = content
        self._origin = origin
        self._base_url = base_url

    def answer(self, request: Request, *, apps: list[Registered]) -> Response | None:
        """Answer a request below `/portal`; None for one that leads nowhere. `apps`: what can be launched."""
        if "ehr" not in self._spec.profile.server.flows:
            return None
        match (request.method, request.path):
            case ("GET", "/portal"):
                return self._front(request, apps)
            case ("POST", "/portal/sign-in"):
                return self._sign_in(request)
            case ("POST", "/portal/sign-out"):
                self._sign_ins.close_session(request.cookie(self._cookie))
                return self._to_front()
            case ("POST", "/portal/launch"):
                return self._launch(request, apps)
        return None

    @property
    def _cookie(self) -> str:
        return COOKIE.format(slug=self._spec.slug)

    def _front(self, request: Request, apps: list[Registered]) -> Response:
        person = self._journey.find(self._journey.signed_in(request))
        if person is None:
            return self._ask_sign_in(request)
        page = pages.apps(
            portal=self._spec.name,
            person=person.name,
            apps=[(client.id, client.name) for client in apps],
            patients=self._spec.accounts if isinstance(person, Staff) else (),
        )
        return html_response(page)

    def _ask_sign_in(self, request: Request, *, wrong: bool = False) -> Response:
        chosen = dict(request.params).get("account", "0")
        page = pages.sign_in(
            portal=self._spec.name,
            purpose=" to see your record and your apps",
            action="/portal/sign-in",
            ticket="",
            accounts=[*self._spec.accounts, *self._spec.staff],
            chosen=int(chosen) if chosen.isdecimal() else 0,
            wrong=wrong,
        )
        return html_response(page, status=400 if wrong else 200)

    def _sign_in(self, request: Request) -> Response:
        person = self._journey.find(request.field("username"))
        if person is None or person.password != request.field("password"):
            return self._ask_sign_in(request, wrong=True)
        answer = self._to_front()
        token = self._sign_ins.open_session(person.username)
        answer.headers.append(("Set-Cookie", f"{self._cookie}={token}; Path=/; HttpOnly; SameSite=Lax"))
        return answer

    def _to_front(self) -> Response:
        return Response(status=303, headers=[("Location", "/portal"), ("Cache-Control", "no-store")])

    def _launch(self, request: Request, apps: list[Registered]) -> Response:
        person = self._journey.find(self._journey.signed_in(request))
        client = next((each for each in apps if each.id == request.field("app")), None)
        patient = self._patient(person, request.field("patient"))
        if person is None or client is None or patient is None:
            return self._journey.problem("Sign in, choose a patient and an app, and launch it again.")
        token = self._sign_ins.launch(
            client_id=client.id,
            username=person.username,
            patient=patient,
            context=self._context(patient, staff=isinstance(person, Staff)),
        )
        query = urlencode({"iss": self._base_url, "launch": token})
        return redirect(f"{client.launch_url}{'&' if '?' in client.launch_url else '?'}{query}")

    def _patient(self, person: Account | Staff | None, chosen: str) -> str | None:
        if isinstance(person, Account):
            return person.patient_id
        known = {account.patient_id for account in self._spec.accounts}
        return chosen if chosen in known else None

    def _context(self, patient: str, *, staff: bool) -> dict[str, Any]:
        """Return what the token response will say beside the patient; staff launch from within a visit."""
        context: dict[str, Any] = {
            # The portal's own page shows whose record it is.
            "need_patient_banner": False,
            "tenant": self._spec.slug,
            "smart_style_url": f"{self._origin}{STYLE_PATH}",
            "intent": "review-record",
        }
        visit = self._newest("Encounter", patient) if staff else None
        if visit is not None:
            context["encounter"] = visit
        report = self._newest("DiagnosticReport", patient)
        if report is not None:
            context["fhirContext"] = [{"reference": f"DiagnosticReport/{report}", "role": "launch"}]
        return context

    def _newest(self, resource_type: str, patient: str) -> str | None:
        held = [row for row in self._content.rows(resource_type) if patient in row.owners]
        dated = sorted((row.dates["date"].low if "date" in row.dates else 0.0, row.id) for row in held)
        return dated[-1][1] if dated else None


def style() -> Response:
    """Answer with the style that `smart_style_url` names."""
    return Response(
        body=json.dumps(STYLE).encode(),
        content_type="application/json",
        headers=[("Access-Control-Allow-Origin", "*")],
    )
