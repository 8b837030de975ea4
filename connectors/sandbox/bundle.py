"""Answers in FHIR's words, put together from the stored texts without parsing them (PURE)."""

import json
import uuid
from collections.abc import Iterable, Sequence
from typing import Literal

Mode = Literal["match", "include", "outcome"]


def outcome(*, code: str, text: str, severity: str = "error", detail: str = "") -> bytes:
    """Write an OperationOutcome with one issue. `detail`: a code of the vendor's own."""
    details = {"coding": [{"code": detail}], "text": text} if detail else {"text": text}
    issue = {"severity": severity, "code": code, "details": details, "diagnostics": text}
    return json.dumps({"resourceType": "OperationOutcome", "issue": [issue]}).encode()


def entry(*, body: bytes, full_url: str, mode: Mode | None) -> bytes:
    """Write one entry of a searchset around a resource's text; `mode` None does not say why it is there."""
    url = b'"fullUrl":' + json.dumps(full_url).encode() + b"," if full_url else b""
    why = b"" if mode is None else b',"search":{"mode":"' + mode.encode() + b'"}'
    return b"{" + url + b'"resource":' + body + why + b"}"


def bundle(
    *,
    entries: Sequence[bytes],
    links: Iterable[tuple[str, str]],
    total: int | None,
    kind: Literal["searchset", "history"] = "searchset",
) -> bytes:
    """Write a Bundle. `links`: relation and address; `total` None leaves it out."""
    head = f'{{"resourceType":"Bundle","id":"{uuid.uuid4()}","type":"{kind}"'
    if total is not None:
        head += f',"total":{total}'
    written = json.dumps(
        [{"relation": relation, "url": url} for relation, url in links], separators=(",", ":")
    )
    tail = b',"entry":[' + b",".join(entries) + b"]" if entries else b""
    return head.encode() + b',"link":' + written.encode() + tail + b"}"
