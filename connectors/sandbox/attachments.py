"""How attachments point at their bytes, and who may fetch them."""

import hashlib
import hmac
import re
import secrets
from typing import Final

from connectors.profile import Server
from connectors.sandbox.database import Database
from connectors.sandbox.http import Request

BINARY_URL: Final = re.compile(rb'("url"\s*:\s*")(Binary/([A-Za-z0-9\-.]{1,64}))(?=")')


class Attachments:
    """The addresses of one portal's attachments. The stored text has them relative: `Binary/id`."""

    def __init__(self, *, server: Server, database: Database) -> None:
        """Write addresses as `server` does; what signs them is kept in the state."""
        self._server = server
        held = database.setting("attachment_key")
        if held is None and server.signed_attachment_urls:
            held = secrets.token_urlsafe(24)
            database.set_setting("attachment_key", held)
        self._key = (held or "").encode()

    def served(self, body: bytes, *, base_url: str) -> bytes:
        """Return a resource's text as it leaves."""
        server = self._server
        if server.attachment_url == "relative" and not server.signed_attachment_urls:
            return body
        return BINARY_URL.sub(lambda match: match[1] + self._address(match, base_url), body)

    def opens(self, request: Request, identifier: str) -> bool:
        """Say whether a request for a Binary carries a signature of ours, where it must."""
        if not self._server.signed_attachment_urls:
            return True
        nonce, _, mark = dict(request.params).get("signature", "").partition(".")
        return hmac.compare_digest(mark.encode(), self._mark(nonce, identifier).encode())

    def _address(self, match: re.Match[bytes], base_url: str) -> bytes:
        if self._server.attachment_url == "none":
            return b"none"
        prefix = base_url.encode() + b"/" if self._server.attachment_url == "absolute" else b""
        signature = ""
        if self._server.signed_attachment_urls:
            nonce = secrets.token_urlsafe(9)
            signature = f"?signature={nonce}.{self._mark(nonce, match[3].decode())}"
        return prefix + match[2] + signature.encode()

    def _mark(self, nonce: str, identifier: str) -> str:
        return hmac.new(self._key, f"{nonce} {identifier}".encode(), hashlib.sha256).hexdigest()[:32]
