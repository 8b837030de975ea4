"""Where Postgres is, as DATABASE_URL says it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import parse_qsl, quote, unquote, urlsplit


class BadForm(ValueError):  # noqa: N818 - the name is what a caller reads
    """A value has another form; the message follows "must be a value that" and does not quote it."""


@dataclass(frozen=True, slots=True)
class DatabaseAddress:
    """Where Postgres is: ``host`` is a name, an address, or the folder of a unix socket."""

    host: str
    port: int
    name: str
    user: str
    password: str = field(repr=False)
    options: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``postgresql://user:password@host:5432/name``, also libpq's ``?host=/socket/folder``.

        Raises BadForm (or another ValueError) when it is none.
        """
        parts = urlsplit(text)
        if parts.scheme not in {"postgres", "postgresql"}:
            raise BadForm("starts with postgresql://")
        query = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
        # Not parts.hostname: it lowers the case of a socket's path.
        netloc_host = parts.netloc.rpartition("@")[2]
        bare = netloc_host if netloc_host.endswith("]") else re.sub(r":\d*$", "", netloc_host)
        host = query.pop("host", "") or unquote(bare).strip("[]")
        name = unquote(parts.path.removeprefix("/"))
        port = int(query.pop("port", 0)) or parts.port or 5432
        if not host or not name or "/" in name:
            raise BadForm("names a host and one database: postgresql://user:password@host:5432/name")
        return cls(
            host=host,
            port=port,
            name=name,
            user=unquote(parts.username or query.pop("user", "")),
            password=unquote(parts.password or query.pop("password", "")),
            options=tuple(sorted(query.items())),
        )

    @property
    def url(self) -> str:
        """The address as libpq and psycopg read it, password included."""
        login = quote(self.user, safe="") + (f":{quote(self.password, safe='')}" if self.password else "")
        query = list(self.options)
        if self.host.startswith("/"):
            place, query = "", [("host", self.host), ("port", str(self.port)), *query]
        else:
            place = f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
        tail = "&".join(f"{key}={quote(value, safe='/')}" for key, value in query)
        return f"postgresql://{login}@{place}/{quote(self.name, safe='')}" + (f"?{tail}" if tail else "")
