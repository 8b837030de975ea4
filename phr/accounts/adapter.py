"""allauth's choices that are ours: who may sign up, and what is said on the way."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest

from phr.accounts.models import User

# Said by the page that one comes to, which is enough.
_UNSAID = frozenset({"account/messages/logged_in.txt", "account/messages/logged_out.txt"})


class Adapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Sign-up is open to the first user of an instance, and after that only where the operator says so."""

    def is_open_for_signup(self, _request: HttpRequest) -> bool:
        return settings.PHR_REGISTRATION_OPEN or not User.objects.exists()

    def add_message(
        self, request: HttpRequest, level: int, message_template: str | None = None, *args: Any, **kwargs: Any
    ) -> None:
        if message_template not in _UNSAID:
            super().add_message(request, level, message_template, *args, **kwargs)
