"""What every template may count on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest

from phr.accounts.access import Role, Sight

THEME_COOKIE: Final = "theme"
THEMES: Final = ("system", "light", "dark")


@dataclass(frozen=True, slots=True)
class PersonHead:
    """Whose record it is, as it stands at the head of every page."""

    id: UUID
    name: str
    birth_date: date | None


def page(request: HttpRequest) -> dict[str, object]:
    """Give the theme, and the person whose record the address names."""
    chosen = request.COOKIES.get(THEME_COOKIE, "")
    sight: Sight | None = getattr(request, "sight", None)
    return {
        "theme": chosen if chosen in THEMES else "system",
        "person": PersonHead(id=sight.person_id, name=sight.name, birth_date=sight.birth_date)
        if sight
        else None,
        "may_change": sight is not None and sight.may(Role.CAREGIVER),
        "registration_open": settings.PHR_REGISTRATION_OPEN,
        "insecure_http": settings.PHR_INSECURE_HTTP,
    }
