from __future__ import annotations

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth
from allauth.mfa.totp.internal.auth import TOTP
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


def test_the_seed_of_a_second_factor_is_sealed(owner: User) -> None:
    TOTP.activate(owner, "JBSWY3DPEHPK3PXP")
    row = Authenticator.objects.get(user=owner)
    assert "JBSWY3DPEHPK3PXP" not in str(row.data)
    code = auth.format_hotp_value(
        auth.hotp_value("JBSWY3DPEHPK3PXP", next(auth.yield_hotp_counters_from_time()))
    )
    assert row.wrap().validate_code(code)
