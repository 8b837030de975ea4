from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from django.test import Client
from django.urls import reverse

from phr.accounts.access import Sight
from phr.accounts.models import User


@pytest.fixture
def signed_in() -> Callable[[User], Client]:
    """A browser whose user signed in long ago: what needs a fresh proof asks for it."""

    def sign_in(user: User) -> Client:
        client = Client(SERVER_NAME="127.0.0.1")
        client.force_login(user)
        return client

    return sign_in


@pytest.fixture
def browser(owner: User) -> Client:
    """A browser in which the owner signed in just now, with the password."""
    client = Client(SERVER_NAME="127.0.0.1")
    answer = client.post(
        reverse("account_login"), {"login": owner.email, "password": "a long enough password"}
    )
    assert answer.status_code == 302
    return client


@dataclass(frozen=True, slots=True)
class Addresses:
    """The addresses of one person's record."""

    sight: Sight

    def of(self, name: str, *args: object) -> str:
        return reverse(name, args=[self.sight.person_id, *args])


@pytest.fixture
def addresses(sight: Sight) -> Addresses:
    return Addresses(sight)
