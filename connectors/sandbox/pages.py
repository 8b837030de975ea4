"""The pages a person sees at a sandbox portal: sign in, consent, and what went wrong (PURE)."""

from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Final

from connectors.sandbox import scopes
from connectors.sandbox.spec import Account, Staff

NOTICE: Final = "This is a sandbox portal. It holds nobody's real record."
WORDS: Final[Mapping[str, str]] = {
    "*": "Everything in the record",
    "AllergyIntolerance": "Allergies",
    "Appointment": "Appointments",
    "Binary": "Files of documents",
    "CarePlan": "Care plans",
    "CareTeam": "Care teams",
    "Claim": "Claims",
    "Condition": "Problems and diagnoses",
    "Coverage": "Insurance coverage",
    "Device": "Implants and devices",
    "DiagnosticReport": "Laboratory and imaging reports",
    "DocumentReference": "Notes, letters and other documents",
    "Encounter": "Visits",
    "ExplanationOfBenefit": "What the insurance paid",
    "FamilyMemberHistory": "Family history",
    "Goal": "Health goals",
    "Immunization": "Vaccinations",
    "Location": "Places of care",
    "Medication": "Medications",
    "MedicationDispense": "Medications handed out",
    "MedicationRequest": "Prescriptions",
    "Observation": "Results, vital signs and other observations",
    "Organization": "Hospitals and practices",
    "Patient": "Name, birth date, address",
    "Practitioner": "Doctors and other staff",
    "PractitionerRole": "Roles of staff",
    "Procedure": "Procedures",
    "Provenance": "Where each record comes from",
    "QuestionnaireResponse": "Questionnaires you answered",
    "RelatedPerson": "Relatives and contacts",
    "ServiceRequest": "Orders and referrals",
    "Specimen": "Samples taken",
}
# What only explains the rest is asked for in one line: a list of thirty is read by nobody.
SUPPORTING: Final = frozenset(
    {
        "Binary",
        "Location",
        "Medication",
        "Organization",
        "Practitioner",
        "PractitionerRole",
        "Provenance",
        "Specimen",
    }
)
SUPPORTING_WORDS: Final = "What belongs to it: who treated you and where, files, samples, origins"
LAUNCH_WORDS: Final[Mapping[str, str]] = {
    "openid": "Know that it is you",
    "offline_access": "Keep reading while you are away, until you end it",
    "online_access": "Keep reading while you are signed in here",
}


def stylesheet() -> bytes:
    """Return the style sheet of all pages."""
    return files(__package__).joinpath("portal.css").read_bytes()


def front(*, portal: str, base_url: str, accounts: Sequence[Account | Staff], launches: bool = False) -> str:
    """Show what this address is. `launches`: apps can be launched from a page of it."""
    people = "".join(
        f"<li>{escape(account.name)}: <code>{escape(account.username)}</code> /"
        f" <code>{escape(account.password)}</code></li>"
        for account in accounts
    )
    inner = f"<p>Its FHIR address is</p><p><code class=address>{escape(base_url)}</code></p>"
    inner += (
        f"<p>These people can sign in when an app asks for their record:</p><ul>{people}</ul>"
        if people
        else ""
    )
    if launches:
        inner += '<p><a href="/portal">Sign in here, and launch an app from the portal</a></p>'
    return _page(portal=portal, title=portal, inner=inner)


def sign_in(
    *,
    portal: str,
    purpose: str,
    action: str,
    ticket: str,
    accounts: Sequence[Account | Staff],
    chosen: int = 0,
    wrong: bool = False,
) -> str:
    """Ask who it is. `purpose`: how the sentence that begins with "Sign in" goes on.

    The chosen demo account is filled in; the others are links that fill in theirs.
    """
    account = accounts[chosen] if chosen < len(accounts) else None
    username = escape(account.username if account else "", quote=True)
    password = escape(account.password if account else "", quote=True)
    # The portal's own page has no request under way, and shows its form where it stands.
    here = f"{escape(action, quote=True)}?ticket={escape(ticket)}&amp;" if ticket else "/portal?"
    others = "".join(
        f'<li><a href="{here}account={position}">{escape(other.name)}</a>{_part(other)}</li>'
        for position, other in enumerate(accounts)
        if position != chosen
    )
    problem = "<p class=problem role=alert id=problem>Name and password do not match.</p>" if wrong else ""
    marks = " aria-invalid=true aria-describedby=problem" if wrong else ""
    filled = "<p class=hint>The demo account is filled in. Continue with it.</p>" if account else ""
    hidden = f'<input type=hidden name=ticket value="{escape(ticket, quote=True)}">' if ticket else ""
    inner = f"""<p>Sign in{escape(purpose)}.</p>
{problem}{filled}
<form method=post action="{escape(action, quote=True)}">
{hidden}
<label for=username>User name</label>
<input id=username name=username autocomplete=username required value="{username}"{marks}>
<label for=password>Password</label>
<input id=password name=password type=password autocomplete=current-password required
 value="{password}"{marks}>
<button class=primary>Sign in</button>
</form>"""
    if others:
        inner += f"<section><h2>Sign in as somebody else</h2><ul>{others}</ul></section>"
    return _page(portal=portal, title="Sign in", inner=inner)


def choose(*, portal: str, app: str, ticket: str, patients: Sequence[Account]) -> str:
    """Ask staff whose record the app is to have."""
    inner = f"""<p>Whose record shall <strong>{escape(app)}</strong> open?</p>
<form method=post action="/oauth2/choose">
<input type=hidden name=ticket value="{escape(ticket, quote=True)}">
{_patients(patients)}
<button class=primary>Continue</button>
</form>"""
    return _page(portal=portal, title="Choose a patient", inner=inner)


def apps(
    *, portal: str, person: str, apps: Sequence[tuple[str, str]], patients: Sequence[Account] = ()
) -> str:
    """Show somebody who is signed in the apps (id, name) that they can launch; staff choose for whom."""
    cards = "".join(
        f"""<section><h2>{escape(name)}</h2>
<form method=post action="/portal/launch">
<input type=hidden name=app value="{escape(identifier, quote=True)}">
{_patients(patients) if patients else ""}
<button class=primary>Launch</button>
</form></section>"""
        for identifier, name in apps
    )
    inner = f"""<p>You are signed in as <strong>{escape(person)}</strong>.</p>
{cards or "<p>No app is registered here yet.</p>"}
<form method=post action="/portal/sign-out"><button>Sign out</button></form>"""
    return _page(portal=portal, title="Apps", inner=inner)


def consent(*, portal: str, app: str, ticket: str, whose: str, scope: str) -> str:
    """Ask whether the app may have what it asks for, in words."""
    asked_types = scopes.types(scope)
    lines = sorted(WORDS.get(name, name) for name in asked_types if name not in SUPPORTING)
    if not SUPPORTING.isdisjoint(asked_types):
        lines.append(SUPPORTING_WORDS)
    data = "".join(f"<li>{escape(line)}</li>" for line in lines)
    asked = scope.split()
    rights = "".join(f"<li>{escape(words)}</li>" for name, words in LAUNCH_WORDS.items() if name in asked)
    inner = f"""<p><strong>{escape(app)}</strong> asks to read the record of
<strong>{escape(whose)}</strong>.</p>
<section><h2>It could read</h2><ul class=scopes>{data or "<li>Nothing but who you are</li>"}</ul></section>
<section><h2>It could</h2><ul>{rights or "<li>Nothing else</li>"}</ul></section>
<details><summary>The same in technical words</summary><p><code>{escape(scope)}</code></p></details>
<form method=post action="/oauth2/consent">
<input type=hidden name=ticket value="{escape(ticket, quote=True)}">
<div class=choices>
<button class=primary name=decision value=allow>Allow</button>
<button name=decision value=deny>Deny</button>
</div>
</form>"""
    return _page(portal=portal, title="Allow access?", inner=inner)


def problem(*, portal: str, text: str) -> str:
    """Say what went wrong and what to do."""
    return _page(portal=portal, title="This did not work", inner=f"<p role=alert>{escape(text)}</p>")


def _part(person: Account | Staff) -> str:
    return ", who works here" if isinstance(person, Staff) else ""


def _patients(patients: Sequence[Account]) -> str:
    choices = "".join(
        f'<option value="{escape(account.patient_id, quote=True)}">{escape(account.name)}</option>'
        for account in patients
    )
    return f"<label>Patient <select name=patient required>{choices}</select></label>"


def _page(*, portal: str, title: str, inner: str) -> str:
    return f"""<!doctype html>
<html lang=en>
<head>
<meta charset=utf-8>
<meta name=viewport content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)} · {escape(portal)}</title>
<link rel=stylesheet href="/portal.css">
</head>
<body>
<p class=notice role=note>{NOTICE}</p>
<main>
<p class=portal>{escape(portal)}</p>
<h1>{escape(title)}</h1>
{inner}
</main>
</body>
</html>
"""
