"""What each address answers, by its name in the resolver: the table that test_walls holds the program to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.urls import URLPattern, URLResolver, get_resolver

from phr.accounts.access import Role


@dataclass(frozen=True, slots=True)
class Row:
    """What an address of a record answers: to whom, and to which method."""

    args: tuple[str, ...] = ()
    least: Role = Role.VIEWER
    get: int = 200
    post: int = 405

    def expected(self, identity: str, method: str) -> int:
        status = {"get": self.get, "head": self.get, "post": self.post}.get(method, 405)
        if status == 405:  # said before anybody is looked at, so it tells nobody anything
            return 405
        if identity == "anonymous":
            return 302
        rank = {"viewer": 0, "caregiver": 1, "owner": 2}
        least = {Role.VIEWER: 0, Role.CAREGIVER: 1, Role.OWNER: 2}[self.least]
        return status if rank.get(identity, -1) >= least else 404


# The portal of these sources answers nobody: 502 is a journey that was allowed to begin and did not get far.
RECORD: Final = {
    "timeline": Row(),
    "fact": Row(("fact",)),
    "visit": Row(("visit",)),
    "sources": Row(),
    "source": Row(("source",)),
    "quarantine": Row(("source",)),
    "connect_calls": Row(least=Role.CAREGIVER),
    "source_calls": Row(("source",), least=Role.CAREGIVER),
    "connect": Row(least=Role.CAREGIVER),
    "connect_address": Row(least=Role.CAREGIVER, get=405, post=400),
    "connect_portal": Row(("portal",), least=Role.CAREGIVER),
    "connect_begin": Row(("portal",), least=Role.CAREGIVER, get=405, post=502),
    # A journey is its user's alone, whoever else may see the record.
    "connect_waiting": Row(("journey",), least=Role.OWNER, post=400),
    "connect_confirm": Row(("unconfirmed",), least=Role.OWNER, post=400),
    "source_sync": Row(("source",), least=Role.CAREGIVER, get=405, post=302),
    "source_reconnect": Row(("source",), least=Role.CAREGIVER, get=405, post=302),
    "source_disconnect": Row(("source",), least=Role.CAREGIVER, post=302),
}

# Of no record: (its arguments, what GET answers to nobody, what it answers to anybody signed in).
ELSEWHERE: Final[dict[str, tuple[tuple[object, ...], int, int]]] = {
    "home": ((), 200, 0),  # whoever is signed in is led to a record, or asked to begin one
    "people": ((), 302, 200),
    "callback": (("generic",), 302, 403),
    "launch": (("generic",), 302, 400),
    "jwks": ((), 200, 200),
    # Of the operator alone: to everybody else there is no such page.
    "operate": ((), 302, 404),
    "check_portal": ((), 302, 404),
    "exports": ((), 302, 404),
    "exports_connection": ((UUID(int=0),), 302, 404),
    "exports_ask": ((UUID(int=0),), 405, 405),
    "exports_patient": ((UUID(int=0),), 302, 404),
    "exports_undo": ((UUID(int=0),), 405, 405),
    "registrations": ((), 302, 404),
    "registrations_vendor": (("generic",), 302, 404),
    "registrations_test": (("generic",), 405, 405),
    "registrations_by_itself": (("generic",), 405, 405),
    "appearance": ((), 405, 405),
    "account": ((), 302, 200),
    "account_login": ((), 200, 302),
    "account_logout": ((), 302, 200),
    "account_inactive": ((), 200, 200),
    "account_signup": ((), 200, 302),
    "account_reauthenticate": ((), 302, 200),
    "account_email": ((), 302, 200),
    "account_email_verification_sent": ((), 200, 200),
    "account_change_password": ((), 302, 200),
    "account_set_password": ((), 302, 302),
    "account_reset_password": ((), 200, 200),
    "account_confirm_login_code": ((), 302, 302),
    "account_confirm_email": (("made-up",), 200, 200),
    "account_reset_password_done": ((), 200, 200),
    "account_reset_password_from_key": (("1", "made-up"), 200, 200),
    "account_reset_password_from_key_done": ((), 200, 200),
    "mfa_index": ((), 302, 200),
    "mfa_authenticate": ((), 302, 302),
    "mfa_reauthenticate": ((), 302, 302),
    # What changes the second step asks for the password once more, also right after the sign-in.
    "mfa_activate_totp": ((), 302, 302),
    "mfa_deactivate_totp": ((), 302, 404),
    "mfa_view_recovery_codes": ((), 302, 404),
    "mfa_generate_recovery_codes": ((), 302, 302),
    "mfa_download_recovery_codes": ((), 302, 404),
    "mfa_list_webauthn": ((), 302, 200),
    "mfa_add_webauthn": ((), 302, 302),
    "mfa_reauthenticate_webauthn": ((), 302, 302),
    "mfa_remove_webauthn": ((1,), 302, 302),
    "mfa_edit_webauthn": ((1,), 302, 302),
    "mfa_login_webauthn": ((), 302, 302),
    "healthz": ((), 200, 200),
    "readyz": ((), 0, 0),  # says what is up, which here depends on the machine
}
HEALTH: Final = {"healthz", "readyz"}
# For everybody, and to be kept for a while.
SHARED: Final = {"jwks"}


def names(patterns: list[URLPattern | URLResolver]) -> Iterator[str]:
    """Every name of the resolver; an address without one counts as its route."""
    for pattern in patterns:
        if isinstance(pattern, URLPattern):
            yield pattern.name or str(pattern.pattern)
        elif pattern.namespace != "admin":
            yield from names(pattern.url_patterns)


def admin_addresses() -> list[str]:
    (admin,) = (each for each in get_resolver().url_patterns if getattr(each, "namespace", "") == "admin")
    assert isinstance(admin, URLResolver)
    found = []

    def walk(patterns: list[URLPattern | URLResolver], before: str) -> None:
        for pattern in patterns:
            route = before + str(pattern.pattern).removesuffix("$").removesuffix("\\Z")
            if isinstance(pattern, URLResolver):
                walk(pattern.url_patterns, route)
            elif "(" not in route and "<" not in route:
                found.append(f"/{route}")
            elif "<path:object_id>" in route:
                found.append(f"/{route.replace('<path:object_id>', '1')}")

    walk(admin.url_patterns, str(admin.pattern))
    return found
