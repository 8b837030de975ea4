"""Secrets at rest: AES-256-GCM under a keyring, bound to the row that holds them.

A sealed value is ``version (1) | key id (8) | nonce (12) | ciphertext and tag``. The associated data name table,
column and primary key, so that a ciphertext moved to another row or column does not open.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from connectors.secret import Secret

if TYPE_CHECKING:
    from django.db.models import Model

_VERSION = b"\x01"
_KEY_ID_BYTES = 8
_NONCE_BYTES = 12
_KEY_BYTES = 32


class KeyringError(Exception):
    """The keyring cannot be read, or does not hold the key that a value was sealed with."""


@dataclass(frozen=True, slots=True, repr=False)
class Keyring:
    """Several keys: the first seals, every one of them opens."""

    keys: tuple[bytes, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read keys of 32 bytes in base64url, separated by white space or commas, newest first.

        Raises KeyringError when there is none, or one is not a key.
        """
        keys = []
        for number, word in enumerate(text.replace(",", " ").split(), start=1):
            try:
                key = base64.urlsafe_b64decode(word + "=" * (-len(word) % 4))
            except (binascii.Error, ValueError):
                key = b""
            if len(key) != _KEY_BYTES:
                raise KeyringError(f"Key {number} of the keyring is not 32 bytes in base64url.")
            keys.append(key)
        if not keys:
            raise KeyringError("The keyring holds no key.")
        return cls(tuple(keys))

    def __repr__(self) -> str:
        return f"Keyring({len(self.keys)} keys)"

    def seal(self, plain: bytes, *, bound_to: bytes) -> bytes:
        """Encrypt under the first key; ``bound_to`` is the associated data."""
        key, nonce = self.keys[0], os.urandom(_NONCE_BYTES)
        return _VERSION + _key_id(key) + nonce + AESGCM(key).encrypt(nonce, plain, bound_to)

    def unseal(self, sealed: bytes, *, bound_to: bytes) -> bytes:
        """Decrypt; raises KeyringError when the key is absent, or the value was altered or moved."""
        head = len(_VERSION) + _KEY_ID_BYTES
        if sealed[:1] != _VERSION:
            raise KeyringError("A sealed value has a form that this version does not know.")
        for key in self.keys:
            if _key_id(key) == sealed[1:head]:
                nonce, body = sealed[head : head + _NONCE_BYTES], sealed[head + _NONCE_BYTES :]
                try:
                    return AESGCM(key).decrypt(nonce, body, bound_to)
                except InvalidTag:
                    raise KeyringError("A sealed value was altered, or moved to another row.") from None
        raise KeyringError("The keyring lacks the key that a value was sealed with.")


@cache
def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"phr key id" + key).digest()[:_KEY_ID_BYTES]


@cache
def _keyring(text: str) -> Keyring:
    return Keyring.parse(text)


def keyring() -> Keyring:
    """Return the keyring of the settings; raises KeyringError when it is unusable."""
    return _keyring(settings.PHR_KEYRING)


def _identity(row: Model, column: str) -> bytes:
    return f"{row._meta.db_table}.{column}:{row.pk}".encode()  # noqa: SLF001 - Django's documented Meta API


def seal(row: Model, column: str, value: Secret | bytes) -> bytes:
    """Seal a value for one column of one row; the row must have its primary key already."""
    plain = value.reveal().encode() if isinstance(value, Secret) else value
    return keyring().seal(plain, bound_to=_identity(row, column))


def unseal_bytes(row: Model, column: str) -> bytes | None:
    """Open what a column of this row holds; None when it is empty."""
    sealed = getattr(row, column)
    return None if sealed is None else keyring().unseal(bytes(sealed), bound_to=_identity(row, column))


def unseal(row: Model, column: str) -> Secret | None:
    """Open what a column of this row holds as a secret text; None when it is empty."""
    plain = unseal_bytes(row, column)
    return None if plain is None else Secret(plain.decode())


def seal_text(text: str, *, bound_to: bytes) -> str:
    """Seal a text for a place that holds texts: base64url of a sealed value."""
    return base64.urlsafe_b64encode(keyring().seal(text.encode(), bound_to=bound_to)).decode()


def unseal_text(sealed: str, *, bound_to: bytes) -> str:
    """Open what `seal_text` sealed; raises KeyringError."""
    try:
        raw = base64.urlsafe_b64decode(sealed)
    except (binascii.Error, ValueError):
        raise KeyringError("A sealed text has a form that this version does not know.") from None
    return keyring().unseal(raw, bound_to=bound_to).decode()
