"""The way of a browser through an authorization request: sign in, choose a patient, consent, go back."""

from typing import Final

from authlib.oauth2 import OAuth2Error

from connectors.profile import Server
from connectors.sandbox import pages
from connectors.sandbox.grants import Consenting
from connectors.sandbox.http import Request, Response, html_response
from connectors.sandbox.oauth import OAuth
from connectors.sandbox.signin import SigningIn, SignIns
from connectors.sandbox.spec import Account, PortalSpec, Staff

ANSWERED: Final = "This request has been answered or is too old. Go back to the app and start again."
# Tells the portal's own pages whose browser it is; other portals of this machine have other names.
COOKIE: Final = "portal_{slug}"


class Journey:
    """The pages between an app's request and the way back to it."""

    def __init__(self, *, spec: PortalSpec, oauth: OAuth, sign_ins: SignIns) -> None:
        """Let the people of `spec` sign in."""
        self._spec = spec
        self._oauth = oauth
        self._sign_ins = sign_ins

    @property
    def _server(self) -> Server:
        return self._spec.profile.server

    def signed_in(self, request: Request) -> str:
        """Return who is signed in at the portal's own pages with this browser, or ""."""
        return self._sign_ins.session(request.cookie(COOKIE.format(slug=self._spec.slug)))

    def find(self, username: str) -> Account | Staff | None:
        """Look up a person by the name they sign in with."""
        people: list[Account | Staff] = [*self._spec.accounts, *self._spec.staff]
        return next((person for person in people if person.username == username), None)

    def authorize(self, request: Request, *, staff: bool) -> Response:
        """Answer an authorization request. `staff`: it came by the endpoint that is theirs alone."""
        try:
            self._oauth.validate_authorization(request)
        except OAuth2Error as error:
            away = self._oauth.authorization_error(error)
            text = "The app's request cannot be answered: " + str(error.description or error.error)
            return away or self.problem(text)
        except ValueError:
            return self.problem("The app's request cannot be read.")
        query = request.query if request.method == "GET" else request.body.decode("utf-8", "replace")
        ticket = self._sign_ins.begin(query, staff=staff)
        launched = self._oauth.launched(request)
        if launched is not None and self.signed_in(request) == launched.username:
            person = self.find(launched.username)
            if person is not None:
                return self._next(ticket, person)
        return self._ask_sign_in(ticket)

    def sign_in(self, request: Request) -> Response:
        """Show the page again with another account filled in, or take what was filled in."""
        if request.method == "GET":
            asked = dict(request.params)
            if self._sign_ins.find(asked.get("ticket", "")) is None:
                return self.problem(ANSWERED)
            chosen = asked.get("account", "0")
            return self._ask_sign_in(asked["ticket"], chosen=int(chosen) if chosen.isdecimal() else 0)
        ticket = request.field("ticket")
        held = self._sign_ins.find(ticket)
        if held is None:
            return self.problem(ANSWERED)
        person = self.find(request.field("username"))
        if person not in self._people(held) or person is None:
            return self._ask_sign_in(ticket, wrong=True)
        if person.password != request.field("password"):
            return self._ask_sign_in(ticket, wrong=True)
        return self._next(ticket, person)

    def choose(self, request: Request) -> Response:
        """Take the patient that staff chose."""
        ticket = request.field("ticket")
        held = self._sign_ins.find(ticket)
        person = None if held is None else self.find(held.username)
        patients = {account.patient_id for account in self._spec.accounts}
        if not isinstance(person, Staff) or request.field("patient") not in patients:
            return self.problem(ANSWERED)
        return self._ask_consent(ticket, person, request.field("patient"))

    def consent(self, request: Request) -> Response:
        """Take the decision and send the browser back."""
        ticket = request.field("ticket")
        held = self._sign_ins.find(ticket)
        if held is None or not held.username or not held.patient or not self._sign_ins.end(ticket):
            return self.problem(ANSWERED)
        again = _again(held.query)
        try:
            grant = self._oauth.validate_authorization(again)
        except OAuth2Error:
            return self.problem(ANSWERED)
        allowed = request.field("decision") == "allow"
        return self._oauth.answer(grant, self._consenting(held, again) if allowed else None)

    def problem(self, text: str) -> Response:
        """Say what went wrong."""
        return html_response(pages.problem(portal=self._spec.name, text=text), status=400)

    # ---- parts

    def _people(self, held: SigningIn) -> list[Account | Staff]:
        """List who may sign in for this request."""
        launched = self._oauth.launched(_again(held.query))
        if launched is not None:
            person = self.find(launched.username)
            return [] if person is None else [person]
        patients = "standalone" in self._server.flows and not held.staff
        return [
            *(self._spec.accounts if patients else ()),
            *(self._spec.staff if self._admits_staff(held) else ()),
        ]

    def _admits_staff(self, held: SigningIn) -> bool:
        return "provider" in self._server.flows and (held.staff or not self._server.provider_persona)

    def _next(self, ticket: str, person: Account | Staff) -> Response:
        held = self._sign_ins.find(ticket)
        launched = None if held is None else self._oauth.launched(_again(held.query))
        if launched is not None:
            return self._ask_consent(ticket, person, launched.patient)
        if isinstance(person, Account):
            return self._ask_consent(ticket, person, person.patient_id)
        self._sign_ins.signed_in(ticket, username=person.username, patient="")
        page = pages.choose(
            portal=self._spec.name, app=self._app(ticket), ticket=ticket, patients=self._spec.accounts
        )
        return html_response(page)

    def _ask_consent(self, ticket: str, person: Account | Staff, patient: str) -> Response:
        held = self._sign_ins.find(ticket)
        if held is None:
            return self.problem(ANSWERED)
        self._sign_ins.signed_in(ticket, username=person.username, patient=patient)
        grant = self._oauth.validate_authorization(_again(held.query))
        whose = next((each.name for each in self._spec.accounts if each.patient_id == patient), person.name)
        page = pages.consent(
            portal=self._spec.name,
            app=self._app(ticket),
            ticket=ticket,
            whose=whose,
            scope=grant.request.scope,
        )
        return html_response(page)

    def _consenting(self, held: SigningIn, request: Request) -> Consenting:
        person = self.find(held.username)
        launched = self._oauth.launched(request)
        user = person.reference if isinstance(person, Staff) else f"Patient/{held.patient}"
        context = {} if launched is None else dict(launched.context)
        if launched is None and isinstance(person, Staff):
            # Nobody has shown the chart yet: the app has to say whose it is.
            context = {"need_patient_banner": True}
        return Consenting(username=held.username, patient=held.patient, user=user, context=context)

    def _ask_sign_in(self, ticket: str, *, chosen: int = 0, wrong: bool = False) -> Response:
        held = self._sign_ins.find(ticket)
        page = pages.sign_in(
            portal=self._spec.name,
            purpose=f", so that {self._app(ticket)} can ask for your record",
            action="/oauth2/sign-in",
            ticket=ticket,
            accounts=[] if held is None else self._people(held),
            chosen=chosen,
            wrong=wrong,
        )
        return html_response(page, status=400 if wrong else 200)

    def _app(self, ticket: str) -> str:
        held = self._sign_ins.find(ticket)
        client = None
        if held is not None:
            client = self._oauth.clients.find(dict(_again(held.query).params).get("client_id", ""))
        return client.name if client is not None and client.name else "An app"


def _again(query: str) -> Request:
    return Request(method="GET", path="/oauth2/authorize", query=query, headers={})
