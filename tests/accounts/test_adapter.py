from __future__ import annotations

from django.test import Client
from pytest_django import Settings

from phr.accounts.models import User

FORM = {
    "email": "rosa@example.org",
    "password1": "a long enough password",
    "password2": "a long enough password",
}


def test_the_first_user_of_an_instance_may_sign_up(db: None, client: Client) -> None:
    client.post("/account/signup/", FORM)
    assert User.objects.get().email == "rosa@example.org"


def test_strangers_may_not_after_that(owner: User, client: Client) -> None:
    client.post("/account/signup/", FORM)
    assert not User.objects.filter(email="rosa@example.org").exists()


def test_the_operator_may_open_the_door(owner: User, client: Client, settings: Settings) -> None:
    settings.PHR_REGISTRATION_OPEN = True
    client.post("/account/signup/", FORM)
    assert User.objects.filter(email="rosa@example.org").exists()
