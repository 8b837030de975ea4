"""The address that starts an export (PURE). Source: HL7 Bulk Data Access, "Bulk Data Kick-off Request"."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

from connectors.profile import ExportLevel

NDJSON: Final = "application/fhir+ndjson"
# Left as they are in a value; "+" and "," are not among them: a plus would read as a space, and a comma inside one
# filter as the beginning of the next.
_SAFE: Final = ":|/$"
_NARROWEST_FIRST: Final[tuple[ExportLevel, ...]] = ("group", "patient", "system")


def narrowest(levels: Iterable[ExportLevel], *, group_id: str = "") -> ExportLevel | None:
    """Return the narrowest of the levels that a server offers: a group, where one is named, then all patients.

    None where it offers none, or groups alone and none is named.
    """
    offered = set(levels)
    for level in _NARROWEST_FIRST:
        if level in offered and (level == "group") == bool(group_id):
            return level
    return None


def kick_off_url(
    *,
    base_url: str,
    level: ExportLevel,
    group_id: str = "",
    since: datetime | None = None,
    types: Iterable[str] = (),
    type_filters: Iterable[str] = (),
    output_format: str = "",
) -> str:
    """Return the address of `$export` for a whole server, all its patients, or one group of them.

    `since`: only what changed after it; a moment of the server's clock. `types`: only these. `type_filters`:
    searches, one each, as they would stand behind the base: "Observation?category=laboratory,vital-signs".
    `output_format`: "" leaves the parameter away, for a server's own is NDJSON. Raises ValueError for a group
    level without a group, a group elsewhere, and a moment without a time zone.
    """
    if (level == "group") != bool(group_id):
        raise ValueError("the level of a group names one, and no other level does")
    below = {
        "system": "",
        "patient": "Patient/",
        "group": f"Group/{quote(group_id, safe='')}/",
    }[level]
    params: list[str] = []
    if output_format:
        params.append(f"_outputFormat={_value(output_format)}")
    if since is not None:
        params.append(f"_since={_value(_instant(since))}")
    wanted = list(dict.fromkeys(types))
    if wanted:
        params.append("_type=" + ",".join(_value(name) for name in wanted))
    filters = [_value(each) for each in type_filters]
    if filters:
        params.append("_typeFilter=" + ",".join(filters))
    query = f"?{'&'.join(params)}" if params else ""
    return f"{base_url.rstrip('/')}/{below}$export{query}"


def _value(text: str) -> str:
    return quote(text, safe=_SAFE)


def _instant(moment: datetime) -> str:
    """Write an instant in UTC with as many digits as it has, at least to the second."""
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone says nothing to a server")
    utc = moment.astimezone(UTC)
    precision = "milliseconds" if utc.microsecond % 1000 == 0 else "microseconds"
    text = utc.isoformat(timespec=precision if utc.microsecond else "seconds")
    return text.replace("+00:00", "Z")
