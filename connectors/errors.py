"""What a portal can do to us, named for what the caller must do next.

Every error carries a `code` from `CODES` and, where there was an answer, its HTTP `status`. `str()` of any of
them is safe to log and to show: it never holds a response body, a token, a name or the query of a URL.
"""

from pathlib import Path
from typing import Final, Literal

Code = Literal[
    "access_denied",
    "address_refused",
    "bad_bundle",
    "bad_discovery",
    "bad_id_token",
    "bad_response",
    "bad_scope",
    "certificate_refused",
    "client_refused",
    "code_refused",
    "connection_lost",
    "discovery_changed",
    "discovery_elsewhere",
    "foreign_host",
    "grant_over",
    "html",
    "http_refused",
    "interaction_required",
    "metadata_refused",
    "no_patient",
    "not_found",
    "not_json",
    "not_supported",
    "paging_expired",
    "rate_limited",
    "redirect_refused",
    "redirect_uri_refused",
    "refused",
    "request_refused",
    "server_error",
    "statement_refused",
    "timeout",
    "too_deep",
    "too_large",
    "truncated",
    "unauthorized",
    "unreachable",
    "wrong_token_type",
]

SENTENCES: Final[dict[Code, str]] = {
    "access_denied": "the portal says that access was not allowed",
    "address_refused": "the address is not one we may connect to",
    "bad_bundle": "the answer is not a readable FHIR Bundle",
    "bad_discovery": "the portal does not describe a usable SMART configuration",
    "bad_id_token": "the proof of identity that the portal sent does not verify",
    "bad_response": "the answer does not have the form that the specification asks for",
    "bad_scope": "the portal does not accept the scopes that were asked for",
    "certificate_refused": "the certificate of the portal does not verify",
    "client_refused": "the portal does not accept this registration",
    "code_refused": "the portal does not accept the code it gave: too late, or a second time",
    "connection_lost": "the connection was lost",
    "discovery_changed": "the portal now names other sign-in addresses than those this connection was made with",
    "discovery_elsewhere": "the portal's description of itself mixes in another server",
    "foreign_host": "the address is outside the portal",
    "grant_over": "the portal has ended this permission",
    "html": "the portal answered with a web page where data was due",
    "http_refused": "the address is not https",
    "interaction_required": "the portal wants the person to sign in again",
    "metadata_refused": "the portal does not accept what we say of ourselves",
    "no_patient": "the portal did not say whose record this is",
    "not_found": "the portal does not know this address",
    "not_json": "the answer is not JSON",
    "not_supported": "the portal does not support this",
    "paging_expired": "the portal no longer knows this page of its answer",
    "rate_limited": "the portal asks us to slow down",
    "redirect_refused": "the portal sent us elsewhere, where that is not allowed",
    "redirect_uri_refused": "the portal does not accept the address that people come back to",
    "refused": "the portal refuses this",
    "request_refused": "the portal does not accept the request",
    "server_error": "the portal has an internal error",
    "statement_refused": "the portal does not accept the signed statement about this software",
    "timeout": "the portal did not answer in time",
    "too_deep": "the answer is nested too deeply",
    "too_large": "the answer is too large",
    "truncated": "the answer breaks off",
    "unauthorized": "the portal does not accept the access token",
    "unreachable": "the portal cannot be reached",
    "wrong_token_type": "the portal issued a kind of token that we do not use",
}
CODES: Final[frozenset[Code]] = frozenset(SENTENCES)


class PortalError(Exception):
    """A portal did not do what was asked. Base of all errors that a caller meets while talking to one."""

    def __init__(self, code: Code, *, status: int | None = None) -> None:
        """Keep `code` (one of `CODES`) and the HTTP `status` of the answer, or None when there was none."""
        if code not in CODES:
            msg = "not an error code of ours"
            raise ValueError(msg)
        super().__init__(code)
        self.code: Code = code
        self.status = status

    def __str__(self) -> str:
        """Say what happened in one clause, followed by the code."""
        status = "" if self.status is None else f", HTTP {self.status}"
        return f"{SENTENCES[self.code]} ({self.code}{status})"


class Reauthorize(PortalError):  # noqa: N818 - named for what the caller does
    """The grant is over: only the person, at the portal, can give a new one."""


class RetryLater(PortalError):  # noqa: N818 - named for what the caller does
    """Nothing is wrong that time cannot mend: time-outs, resets, 429, 5xx, a broken connection."""

    def __init__(self, code: Code, *, status: int | None = None, after: float | None = None) -> None:
        """`after`: seconds that the portal asked us to wait, or None where it did not say."""
        super().__init__(code, status=status)
        self.after = after


class SkipResource(PortalError):  # noqa: N818 - named for what the caller does
    """The portal does not give this type or query; go on with the others."""

    def __init__(
        self, code: Code, *, outcome: Literal["refused", "unsupported"], status: int | None = None
    ) -> None:
        """`outcome`: what the step ends as."""
        super().__init__(code, status=status)
        self.outcome: Literal["refused", "unsupported"] = outcome


class BadReply(PortalError):  # noqa: N818 - named for what the caller does
    """The answer cannot be used: HTML where JSON was due, a broken bundle, too large, too deep."""


class EgressRefused(PortalError):  # noqa: N818 - named for what the caller does
    """We did not, or will not, send this: address, scheme, certificate, redirect, foreign host."""


class Denied(PortalError):  # noqa: N818 - named for what the caller does
    """The person or the portal said no while connecting: at the consent page or at the token endpoint."""


class ProfileError(Exception):
    """A vendor profile cannot be used. Says which file, which key and why."""

    def __init__(self, *, file: str | Path, key: str, reason: str) -> None:
        """`key`: dotted path in the file, or "" when the whole file is meant."""
        super().__init__(file, key, reason)
        self.file = Path(file).name
        self.key = key
        self.reason = reason

    def __str__(self) -> str:
        """Say where and why in one line."""
        where = f"{self.file}: {self.key}" if self.key else self.file
        return f"{where}: {self.reason}"
