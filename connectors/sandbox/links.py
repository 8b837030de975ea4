"""The links of a Bundle, as a vendor writes them (PURE)."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlencode, urlsplit

from connectors.profile import Server

# What a server behind a proxy takes itself for.
INNER_HOST: Final = "https://inner.sandbox.invalid"


def link(
    server: Server, base_url: str, path: str, params: Sequence[tuple[str, str]], *, own: bool = False
) -> str:
    """Write the address of a page of `path`; `own`: it is that of the page itself."""
    parts = urlsplit(base_url)
    origin = INNER_HOST if own and server.foreign_self else f"{parts.scheme}://{parts.netloc}"
    base = parts.path.swapcase() if server.link_case == "other" else parts.path
    query = urlencode(params, safe="/:|,")
    address = f"{origin}{base}/{path}"
    return f"{address}?{query}" if query else address
