from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from connectors.profile import Profile
from connectors.smart.redirects import problems, slips


@pytest.mark.parametrize(
    ("uri", "wrong"),
    [
        (
            "https://phr.example/callback/acme/",
            {
                "https://phr.example/callback/acme",
                "http://phr.example/callback/acme/",
                "https://phr.example:443/callback/acme/",
                "https://phr.example/",
            },
        ),
        (
            "http://127.0.0.1:8000/callback/acme/",
            {
                "http://127.0.0.1:8000/callback/acme",
                "https://127.0.0.1:8000/callback/acme/",
                "http://127.0.0.1/callback/acme/",
                "http://localhost:8000/callback/acme/",
                "http://127.0.0.1:8000/",
            },
        ),
    ],
)
def test_it_shows_what_is_registered_by_mistake(uri: str, wrong: set[str]) -> None:
    found = slips(redirect_uri=uri)

    assert {address for address, _ in found} == wrong
    assert uri not in wrong
    assert all(words and urlsplit(address).hostname for address, words in found)


def test_it_says_beforehand_what_the_vendor_does_not_take(generic: Profile) -> None:
    strict = replace(
        generic,
        guide=replace(generic.guide, redirect_needs_https=True, redirect_refuses_localhost=True),
    )

    assert problems(redirect_uri="https://phr.example/callback/acme/", profile=strict) == ()
    assert len(problems(redirect_uri="http://phr.example/callback/acme/", profile=strict)) == 1
    assert len(problems(redirect_uri="https://localhost/callback/acme/", profile=strict)) == 1
    assert len(problems(redirect_uri="http://127.0.0.1:8000/callback/acme/", profile=strict)) == 2
    assert len(problems(redirect_uri="http://[::1]:8000/callback/acme/", profile=strict)) == 2
    # Where nothing is known, nothing is claimed
    assert problems(redirect_uri="http://127.0.0.1:8000/callback/acme/", profile=generic) == ()
    assert len(problems(redirect_uri="https://phr.example/callback/#x", profile=generic)) == 1
