from __future__ import annotations

import json
from datetime import datetime, timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from connectors.smart.assertion import client_assertion
from connectors.smart.keys import KeyPair
from phr.core.crypto import KeyringError, unseal
from phr.sources import keys
from phr.sources.models import SigningKey

pytestmark = pytest.mark.django_db(databases=["default"])

NOW = timezone.now()
PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


def assertion(pair: KeyPair, now: datetime) -> str:
    return client_assertion(
        client_id="phr",
        token_endpoint="https://as.example/token",
        private_key=pair.private_key,
        key_id=pair.key_id,
        algorithm=pair.algorithm,
        now=now,
    )


def verifies(signed: str, pair: KeyPair, now: datetime) -> bool:
    """Say whether a portal that reads our list now can verify this."""
    published = KeySet.import_key_set(keys.published(now=now))  # type: ignore[arg-type]
    try:
        jwt.decode(signed, published, algorithms=[pair.algorithm])
    except JoseError:
        return False
    return True


@pytest.mark.parametrize("algorithm", keys.ALGORITHMS)
def test_a_key_is_made_once_and_published_without_its_private_half(algorithm: str) -> None:
    assert keys.published(now=NOW) == {"keys": []}
    first = keys.require(algorithm=algorithm, now=NOW)  # type: ignore[arg-type]
    assert keys.require(algorithm=algorithm, now=NOW) == first  # type: ignore[arg-type]
    (public,) = keys.published(now=NOW)["keys"]
    assert (public["kid"], public["alg"]) == (first.key_id, algorithm)
    assert not PRIVATE & set(public)
    assert verifies(assertion(first, NOW), first, NOW)


def test_the_private_half_is_sealed_to_its_row() -> None:
    pair = keys.require(algorithm="ES384", now=NOW)
    row = SigningKey.objects.get()
    pem = pair.private_key.reveal().encode()
    assert pem[30:60] not in bytes(row.private_key or b"")
    assert unseal(row, "private_key") == pair.private_key
    with pytest.raises(KeyringError):
        unseal(SigningKey(private_key=row.private_key), "private_key")


def test_a_rotation_never_signs_with_what_is_not_published_nor_unpublishes_what_is_alive() -> None:
    old = keys.require(algorithm="ES384", now=NOW)
    begun = keys.rotate(algorithm="ES384", now=NOW)
    assert (begun.step, begun.due_at) == ("published", NOW + timedelta(hours=24))
    # Both are published, and the old one goes on signing.
    assert {key["kid"] for key in keys.published(now=NOW)["keys"]} == {old.key_id, begun.key_id}
    assert keys.current(algorithm="ES384") == old

    early = keys.rotate(algorithm="ES384", now=NOW + timedelta(hours=23))
    assert (early.step, early.key_id, early.due_at) == ("waiting", begun.key_id, begun.due_at)
    assert keys.current(algorithm="ES384") == old

    swap = NOW + timedelta(hours=24)
    last = assertion(old, swap)
    done = keys.rotate(algorithm="ES384", now=swap)
    assert (done.step, done.key_id, done.due_at) == ("rotated", begun.key_id, swap + timedelta(hours=1))
    new = keys.current(algorithm="ES384")
    assert new is not None
    assert new.key_id == begun.key_id
    # What the old key signed in its last moment lives for four minutes, and verifies for longer.
    for later in (timedelta(), timedelta(minutes=4), timedelta(minutes=59)):
        assert verifies(last, old, swap + later)
    assert not verifies(last, old, swap + timedelta(hours=1))
    assert SigningKey.objects.get(kid=old.key_id).private_key is None

    keys.rotate(algorithm="ES384", now=swap + timedelta(hours=2))
    assert not SigningKey.objects.filter(kid=old.key_id).exists()


def test_the_two_kinds_rotate_apart() -> None:
    rsa = keys.require(algorithm="RS384", now=NOW)
    assert keys.rotate(algorithm="ES384", now=NOW).step == "made"
    assert keys.current(algorithm="RS384") == rsa


def test_a_key_that_somebody_else_may_hold_goes_at_once() -> None:
    old = keys.require(algorithm="ES384", now=NOW)
    keys.rotate(algorithm="ES384", now=NOW)
    done = keys.replace_at_once(algorithm="ES384", now=NOW)
    assert [key["kid"] for key in keys.published(now=NOW)["keys"]] == [done.key_id]
    assert not verifies(assertion(old, NOW), old, NOW)


def test_one_key_signs_at_a_time_and_a_retired_one_cannot() -> None:
    keys.require(algorithm="ES384", now=NOW)
    row = SigningKey.objects.get()
    with pytest.raises(IntegrityError), transaction.atomic():
        SigningKey.objects.create(
            kid="other", algorithm="ES384", public_jwk={}, private_key=b"x", state=SigningKey.State.CURRENT
        )
    row.state, row.retired_at = SigningKey.State.RETIRED, NOW
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save()


def test_the_list_is_public_and_may_be_kept_for_an_hour() -> None:
    keys.require(algorithm="RS384", now=timezone.now())
    answer = Client(SERVER_NAME="127.0.0.1").get("/.well-known/jwks.json")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "public, max-age=3600"
    assert answer.headers["Content-Type"] == "application/jwk-set+json"
    assert "Set-Cookie" not in answer.headers
    assert "Cookie" not in answer.headers.get("Vary", "")
    assert answer.json() == keys.published(now=timezone.now())


def test_the_command_says_when_to_come_back() -> None:
    def call(*words: str) -> str:
        out = StringIO()
        call_command("rotate_signing_keys", *words, "--algorithm=ES384", stdout=out, stderr=StringIO())
        return out.getvalue()

    assert "signs from now on" in call()
    assert "Call this again after" in call()
    waiting = json.loads(call("--json"))
    assert waiting["step"] == "waiting"
    assert waiting["due_at"]
    assert "at once" in call("--compromised")
