"""allauth's choices that are ours: who may sign up, and what is said on the way."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.http import HttpRequest

from phr.accounts.models import User
from phr.core import crypto

# Said by the page that one comes to, which is enough.
_UNSAID = frozenset({"account/messages/logged_in.txt", "account/messages/logged_out.txt"})

# allauth hands over the seed without its row, so it is bound to what it is, and not to whose.
_SEEDS = b"mfa_authenticator.data"


class Adapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Sign-up is open to the first user of an instance, and after that only where the operator says so."""

    def is_open_for_signup(self, _request: HttpRequest) -> bool:
        return settings.PHR_REGISTRATION_OPEN or not User.objects.exists()

    def add_message(
        self, request: HttpRequest, level: int, message_template: str | None = None, *args: Any, **kwargs: Any
    ) -> None:
        if message_template not in _UNSAID:
            super().add_message(request, level, message_template, *args, **kwargs)


class MfaAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Second factors with their seeds sealed: a copy of the database opens no account."""

    def encrypt(self, text: str) -> str:
        return crypto.seal_text(text, bound_to=_SEEDS)

    def decrypt(self, encrypted_text: str) -> str:
        return crypto.unseal_text(encrypted_text, bound_to=_SEEDS)
