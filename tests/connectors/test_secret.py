import copy
import json
import pickle
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.secret import Secret, redact_url


@given(st.text(min_size=4).filter(lambda text: "*" not in text))
def test_it_shows_nothing_however_it_is_printed(value: str) -> None:
    secret = Secret(value)

    for printed in (repr(secret), str(secret), f"{secret}", f"{secret:>40}", f"{secret!r}", "%s" % secret):  # noqa: UP031
        assert printed == "***"
    assert value not in repr({"token": secret})
    assert secret.reveal() == value


@pytest.mark.parametrize("escape", [pickle.dumps, copy.deepcopy, json.dumps, msgspec.json.encode])
def test_it_does_not_leave_the_process(escape: Callable[[Secret], object]) -> None:
    with pytest.raises(TypeError):
        escape(Secret("the-token"))


def test_it_refuses_to_be_empty() -> None:
    with pytest.raises(ValueError, match="not empty"):
        Secret("")


def test_equal_secrets_are_equal_and_others_are_not() -> None:
    assert Secret("a") == Secret("a")
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    assert Secret("a") != "a"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://u:p@portal.example/r4/Patient?name=Roe#x", "https://portal.example/r4/Patient"),
        ("https://portal.example:8443/r4", "https://portal.example:8443/r4"),
        ("http://[::1]:80/x?y", "http://[::1]:80/x"),
        ("/callback/epic/?code=abc", "/callback/epic/"),
        ("Jane Roe", "(no url)"),
        ("https://[broken/?t=1", "(no url)"),
        ("https://h:99999/?t=1", "(no url)"),
    ],
)
def test_it_drops_from_an_address_what_may_be_private(url: str, shown: str) -> None:
    assert redact_url(url) == shown


@given(st.text())
def test_it_redacts_any_text_without_failing(text: str) -> None:
    assert redact_url(f"https://portal.example/?{text}") in {"https://portal.example/", "(no url)"}
