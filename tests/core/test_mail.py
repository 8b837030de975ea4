from __future__ import annotations

from pathlib import Path

import pytest

from phr.core import mail


def test_without_an_address_mail_is_written_into_the_outbox(tmp_path: Path) -> None:
    settings = mail.configuration(None, outbox=tmp_path)
    assert settings["EMAIL_FILE_PATH"] == str(tmp_path)
    assert settings["EMAIL_BACKEND"].endswith("filebased.EmailBackend")


@pytest.mark.parametrize(
    ("scheme", "port", "ssl", "tls"),
    [("smtp", 25, False, False), ("smtps", 465, True, False), ("smtp+tls", 587, False, True)],
)
def test_a_scheme_chooses_port_and_encryption(
    *, scheme: str, port: int, ssl: bool, tls: bool, tmp_path: Path
) -> None:
    settings = mail.configuration(
        f"{scheme}://rosa%40example.org:s%2Fecret@mail.example.org", outbox=tmp_path
    )
    assert (settings["EMAIL_PORT"], settings["EMAIL_USE_SSL"], settings["EMAIL_USE_TLS"]) == (port, ssl, tls)
    assert settings["EMAIL_HOST_PASSWORD"] == "s/ecret"
    assert settings["DEFAULT_FROM_EMAIL"] == "rosa@example.org"


def test_the_sender_may_be_said(tmp_path: Path) -> None:
    settings = mail.configuration("smtp://mail.example.org?from=phr@example.org", outbox=tmp_path)
    assert settings["DEFAULT_FROM_EMAIL"] == "phr@example.org"
