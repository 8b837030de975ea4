import pytest

from connectors.errors import (
    CODES,
    SENTENCES,
    BadReply,
    Denied,
    EgressRefused,
    PortalError,
    ProfileError,
    Reauthorize,
    RetryLater,
    SkipResource,
)


@pytest.mark.parametrize("kind", [BadReply, Denied, EgressRefused, Reauthorize, RetryLater])
def test_it_says_what_happened_with_code_and_status(kind: type[PortalError]) -> None:
    error = kind("server_error", status=503)

    assert str(error) == "the portal has an internal error (server_error, HTTP 503)"
    assert (error.code, error.status) == ("server_error", 503)


def test_it_has_no_code_beyond_the_closed_set() -> None:
    with pytest.raises(ValueError, match="not an error code"):
        BadReply("Jane Roe's token is abc")  # type: ignore[arg-type]


def test_every_code_has_a_sentence_that_names_no_technique() -> None:
    assert set(SENTENCES) == CODES
    assert all(sentence[0].islower() and not sentence.endswith(".") for sentence in SENTENCES.values())


def test_it_tells_how_long_to_wait_and_how_a_step_ends() -> None:
    assert RetryLater("rate_limited", status=429, after=7.5).after == 7.5
    assert SkipResource("refused", outcome="refused", status=403).outcome == "refused"


def test_it_names_a_profile_file_without_its_folder() -> None:
    error = ProfileError(file="/srv/private/acme.toml", key="auth.pkce", reason="is missing")

    assert str(error) == "acme.toml: auth.pkce: is missing"
