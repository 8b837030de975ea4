"""The application's address: the owner's server and database, and nothing of the owner."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phr.core.credentials import APP, application_url, password
from phr.core.environment import DatabaseAddress

KEY = "k" * 50
OWNERS = "the-owner's p@ss:word/?"
word = st.text(
    st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=["Cs", "Cc"]), min_size=1
)


@given(user=word, secret=word, name=word.filter(lambda text: "/" not in text), port=st.integers(1, 65535))
@pytest.mark.parametrize("host", ["db.example", "127.0.0.1", "::1", "/run/Post gres", "/var/Socket"])
def test_only_user_and_password_differ(host: str, user: str, secret: str, name: str, port: int) -> None:
    owner = DatabaseAddress(
        host=host, port=port, name=name, user=user, password=secret, options=(("sslmode", "require"),)
    )
    expected = replace(owner, user=APP, password=password(APP, secret_key=KEY))
    assert DatabaseAddress.parse(application_url(owner.url, secret_key=KEY)) == expected


def test_an_owner_named_in_the_query_goes_too() -> None:
    url = application_url(f"postgresql:///phr?host=/run/pg&user=boss&password={OWNERS[:11]}", secret_key=KEY)
    assert "boss" not in url
    assert OWNERS[:11] not in url
    assert DatabaseAddress.parse(url).host == "/run/pg"


def test_a_password_hangs_on_role_and_key() -> None:
    assert len({password(role, secret_key=key) for role in ("a", "b") for key in ("c", "d")}) == 4
