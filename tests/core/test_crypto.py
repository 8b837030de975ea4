"""Secrets at rest: what opens, and what does not."""

from __future__ import annotations

import base64
import os

import pytest
from pytest_django import Settings

from connectors.secret import Secret
from phr.core import crypto
from phr.core.crypto import Keyring, KeyringError
from phr.sources.models import Grant


def key() -> str:
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


def test_a_value_opens_in_its_own_row_and_column_alone() -> None:
    grant, other = Grant(), Grant()
    grant.access_token = crypto.seal(grant, "access_token", Secret("planted"))
    assert crypto.unseal(grant, "access_token") == Secret("planted")
    other.access_token = grant.access_token
    with pytest.raises(KeyringError, match="moved"):
        crypto.unseal(other, "access_token")
    grant.refresh_token = grant.access_token
    with pytest.raises(KeyringError, match="moved"):
        crypto.unseal(grant, "refresh_token")


def test_an_altered_value_does_not_open() -> None:
    ring = Keyring.parse(key())
    sealed = bytearray(ring.seal(b"planted", bound_to=b"x"))
    sealed[-1] ^= 1
    with pytest.raises(KeyringError):
        ring.unseal(bytes(sealed), bound_to=b"x")


def test_the_first_key_seals_and_every_key_opens() -> None:
    old, new = key(), key()
    sealed = Keyring.parse(old).seal(b"planted", bound_to=b"x")
    both = Keyring.parse(f"{new}\n{old}")
    assert both.unseal(sealed, bound_to=b"x") == b"planted"
    with pytest.raises(KeyringError, match="lacks"):
        Keyring.parse(old).unseal(both.seal(b"planted", bound_to=b"x"), bound_to=b"x")


@pytest.mark.parametrize("text", ["", "short", "not base64!", "A" * 43 + " short"])
def test_a_keyring_that_is_none_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(KeyringError) as raised:
        Keyring.parse(text)
    assert "short" not in str(raised.value)


def test_a_keyring_shows_no_key(settings: Settings) -> None:
    assert settings.PHR_KEYRING not in repr(crypto.keyring())


def test_a_text_is_sealed_as_text() -> None:
    sealed = crypto.seal_text("JBSWY3DPEHPK3PXP", bound_to=b"seeds")
    assert "JBSWY3DPEHPK3PXP" not in sealed
    assert crypto.unseal_text(sealed, bound_to=b"seeds") == "JBSWY3DPEHPK3PXP"
    for wrong in ("JBSWY3DPEHPK3PXP", "", "é"):
        with pytest.raises(KeyringError):
            crypto.unseal_text(wrong, bound_to=b"seeds")
