"""An event as merging sees it: codes, time, value and what tells it apart, in comparable form. PURE."""

import unicodedata
from decimal import Decimal
from functools import lru_cache
from typing import Any, Self

import msgspec

from phr.timeline.events import Component, Event, Kind, Quantity, When
from phr.timeline.merge.rules import rules_of
from phr.timeline.normalize import codes, names, units

# Older servers' names of a type; the rules are the same.
_FAMILIES = {"MedicationOrder": "MedicationRequest"}
_SHOWN = {"", "supporting"}
# Values of more text than this compare by their beginning and length.
_LONGEST_VALUE = 200
_WORD_SIGNS = frozenset("+-<>%=*#")
_RANK = {
    "corrected": 6,
    "amended": 6,
    "appended": 5,
    "final": 4,
    "partial": 2,
    "preliminary": 1,
    "registered": 0,
}
_MIDDLE_RANK = 3
_MOST_SENT = 1_000
# Contents of fewer bytes are placeholders that many documents share.
_BLANK = 32
_TOGETHER = "urn:ietf:rfc:3986"


class Origin(msgspec.Struct, frozen=True, gc=False):
    """Where an event comes from: the source, its portal's base URL (empty for files) and the patient id there.

    `chart` follows from these: the patient's chart in one portal; two sources that read one chart are one origin.
    """

    source_id: str
    base_url: str = ""
    patient: str = ""
    chart: str = ""

    def __post_init__(self) -> None:
        base = self.base_url.rstrip("/").lower()
        chart = f"{base}|{self.patient}" if base else f"source:{self.source_id}"
        msgspec.structs.force_setattr(self, "chart", chart)


class Match(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """The part of an event that merging needs; JSON-able both ways (`to_row`, `from_row`).

    `time` is "" (undated) or a letter and a key: i instant in UTC, w clock time without zone, d day, m month, y year.
    `day` is the day as written, `utc_day` that of the instant in UTC. `values` are spellings of one value (a coded
    answer has several); ("",) says that there is none. `parts` are (tokens, values) of the components.
    `weight` orders members: corrected and amended before final before preliminary, then who says more.
    """

    family: str
    codes: tuple[str, ...] = ()
    local: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    time: str = ""
    day: str = ""
    utc_day: str = ""
    end: str = ""
    values: tuple[str, ...] = ("",)
    parts: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = ()
    ids: tuple[tuple[str, str], ...] = ()
    who: tuple[str, ...] = ()
    apart: dict[str, str] = {}
    apart_by_day: dict[str, str] = {}
    digests: tuple[str, ...] = ()
    status: str = ""
    value_text: str = ""
    end_text: str = ""
    time_text: str = ""
    weight: int = 0

    def to_row(self) -> dict[str, Any]:
        """JSON-able dict without empty fields."""
        row: dict[str, Any] = msgspec.to_builtins(self)
        return row

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        """The match of a `to_row` dict. Raises msgspec.ValidationError when the row is of another shape."""
        return msgspec.convert(row, cls)


class Member(msgspec.Struct, frozen=True, gc=False):
    """One event of one source. `key` is "source_id|Type|id|ordinal", unique among all members of a person.

    `as_of` (sortable text, such as when it was received) decides between copies of one resource (rule 0) alone.
    `natural` follows: the key that outlives a reconnect, "base_url|patient|Type|id|ordinal" (of files: the source).
    """

    key: str
    origin: Origin
    match: Match
    as_of: str = ""
    natural: str = ""

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "natural", f"{self.origin.chart}|{self.key.partition('|')[2]}")


def member_of(*, key: str, origin: Origin, event: Event, as_of: str = "") -> Member:
    """The member of an event; complete the event with `normalize.with_supporting` first, so that names count."""
    return Member(key, origin, match_of(event), as_of)


def match_of(event: Event) -> Match:
    """What merging needs of an event."""
    family = _FAMILIES.get(event.resource_type, event.resource_type)
    if event.exclusion not in _SHOWN:
        family = f"{family}!{event.exclusion}"
    rules = rules_of(family)
    standard, local = _tokens(event)
    time, day, utc_day = _moment(_dated(event), midnight_is_day=rules.midnight_is_day)
    value, parts = _values(event)
    return Match(
        family=family,
        codes=standard,
        local=local,
        texts=_texts(event),
        time=time,
        day=day,
        utc_day=utc_day,
        end=_moment(event.until, midnight_is_day=False)[0] if event.until else "",
        values=value,
        parts=parts,
        ids=_numbers(event),
        who=event.participants,
        apart={k: words(event.attributes[k]) for k in _APART.get(family, ()) if event.attributes.get(k)},
        apart_by_day={
            k: words(event.attributes[k]) for k in _APART_BY_DAY.get(family, ()) if event.attributes.get(k)
        },
        digests=_digests(event),
        status=event.status,
        value_text=f"{event.value_text} {event.unit_text}".strip(),
        end_text=event.until.text if event.until else "",
        time_text=event.when.text,
        weight=_weight(event),
    )


# What tells two events apart even where code and moment agree.
_APART = {
    "Observation": ("site",),
    "Procedure": ("site",),
    "Immunization": ("lot", "dose_number"),
    "MedicationRequest": ("dose_amount", "intent"),
    "MedicationStatement": ("dose_amount",),
    "MedicationDispense": ("dose_amount", "quantity"),
    "MedicationAdministration": ("dose_amount",),
    "CarePlan": ("activities", "intent"),
    "Goal": ("due",),
    "ServiceRequest": ("intent",),
    "Claim": ("total", "services", "use"),
    "ExplanationOfBenefit": ("total", "services", "use", "paid"),
}
# What tells them apart where only the day agrees: words, which two portals may choose differently for one thing.
_APART_BY_DAY = {
    "MedicationRequest": ("dose", "route"),
    "MedicationStatement": ("dose", "route"),
    "MedicationDispense": ("dose",),
    "Procedure": ("outcome",),
}


def words(text: str) -> str:
    """Text for comparing: case, width, spacing and punctuation made one; signs that change a meaning stay."""
    folded = text.casefold()
    if not folded.isascii():
        folded = unicodedata.normalize("NFKC", folded)
    return " ".join(
        "".join(c if c.isalnum() or c in _WORD_SIGNS or c == "." else " " for c in folded).split()
    )


def code_token(system: str, code: str) -> str:
    """`system|code` with the spellings of one code made one: E119 and E11.9, CVX 08 and 8, NDC with hyphens."""
    if system in {codes.ICD10CM, codes.ICD9CM, codes.ICD10}:
        code = code.replace(".", "").upper()
    elif system == codes.CVX:
        code = code.lstrip("0") or code
    elif system == codes.NDC and code.count("-") == 2:
        labeler, product, package = code.split("-")
        code = labeler.zfill(5) + product.zfill(4) + package.zfill(2)
    return f"{system}|{code}"


def _tokens(event: Event) -> tuple[tuple[str, ...], tuple[str, ...]]:
    standard: dict[str, None] = {}
    local: dict[str, None] = {}
    if event.kind in _ACTORS:
        return (), ()
    for coding in event.codes:
        if not (coding.system and coding.code) or coding.system in codes.ABSENT:
            continue
        token = code_token(coding.system, coding.code)
        (standard if coding.system in codes.STANDARD else local)[token] = None
    return tuple(standard), tuple(local)


_ACTORS = {Kind.PRACTITIONER, Kind.ORGANIZATION, Kind.LOCATION}


def _texts(event: Event) -> tuple[str, ...]:
    if event.kind in _ACTORS:
        where = names.plain(event.attributes.get("address", ""))
        name = names.person(event.title) if event.kind is Kind.PRACTITIONER else names.plain(event.title)
        return (f"{name} at {where}",) if name and where else ()
    found = [event.text, *(c.display for c in event.codes)] if event.text or event.codes else [event.title]
    texts = {words(text): None for text in found if text}
    if event.kind is Kind.VISIT and event.attributes.get("class"):
        texts[f"class {words(event.attributes['class'])}"] = None
    texts.pop("", None)
    return tuple(texts)


def _dated(event: Event) -> When | None:
    """The date by which such an event is told from others of its code."""
    if event.kind is Kind.CONDITION and event.attributes.get("dated_by") != "onset":
        # A problem list names a problem once, whenever it was written down; a diagnosis belongs to its day.
        return None if event.category == "problem_list" else event.recorded
    return event.when


def _moment(when: When | None, *, midnight_is_day: bool) -> tuple[str, str, str]:
    """(time key, day as written, day in UTC)."""
    if when is None or when.start is None:
        return "", "", ""
    day = when.local_date.isoformat() if when.local_date else ""
    if when.precision in {"instant", "minute"}:
        if midnight_is_day and "T00:00:00" in when.text:
            return f"d{day}", day, day
        stamp = when.start.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")
        return f"{'i' if when.zoned else 'w'}{stamp}", day, stamp[:10]
    if when.precision == "day":
        return f"d{day}", day, day
    if when.precision == "month":
        return f"m{when.start:%Y-%m}", "", ""
    return f"y{when.start:%Y}", "", ""


def _values(event: Event) -> tuple[tuple[str, ...], tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]]:
    if event.kind is Kind.FAMILY_HISTORY:
        return (words(event.attributes.get("conditions", "")),), ()
    own = _value(
        event.value, tuple(code_token(c.system, c.code) for c in event.value_codes if c.system and c.code)
    )
    if not event.components:
        return own, ()
    parts = tuple(sorted(_part(each) for each in event.components))
    # Parts are compared one by one; the bucket is chosen by their values alone, whatever their codes.
    return (f"{own[0]} with {sorted(values[0] for _, values in parts)}",), parts


def _part(part: Component) -> tuple[tuple[str, ...], tuple[str, ...]]:
    tokens = tuple(sorted({code_token(c.system, c.code) for c in part.codes if c.system and c.code}))
    return tokens or (f"t:{words(part.title)}",), _value(part.value, ())


def _value(value: Quantity | str | None, coded: tuple[str, ...]) -> tuple[str, ...]:
    if isinstance(value, Quantity):
        return (f"{value.comparator}{_number(value.value)} {units.canonical(value.code or value.unit)}",)
    if not value:
        return coded or ("",)
    said = words(value)
    if len(said) > _LONGEST_VALUE:
        said = f"{said[:_LONGEST_VALUE]} {len(said)}"
    return (f"t:{said or value}", *coded)


@lru_cache(maxsize=8_192)
def _number(text: str) -> str:
    """13.20, 13.2 and 1.32E1 alike; numbers past the arithmetic's reach as they stand."""
    try:
        return str(Decimal(text).normalize() + 0)
    except ArithmeticError:
        return text


def _numbers(event: Event) -> tuple[tuple[str, str], ...]:
    if event.resource_type == "Coverage" and event.attributes.get("payer"):
        number = event.attributes.get("member_number", "")
        return (
            (*event.identifiers, (f"member of {event.attributes['payer']}", number))
            if number
            else event.identifiers
        )
    if event.kind is Kind.DEVICE and event.attributes.get("udi"):
        return (*event.identifiers, ("udi", event.attributes["udi"]))
    if event.kind is Kind.PATIENT:
        return ()
    if event.kind in _ACTORS:
        return tuple(("npi", token[4:]) for token in event.participants if token.startswith("npi:"))
    return event.identifiers


def _digests(event: Event) -> tuple[str, ...]:
    return tuple(sorted({a.digest for a in event.attachments if a.digest and (a.size or _BLANK) >= _BLANK}))


def _weight(event: Event) -> int:
    lists = (event.codes, event.components, event.attributes, event.refs, event.identifiers)
    said = (event.reference_range, event.interpretation, event.value, event.until)
    sent = sum(map(len, lists)) + sum(map(bool, said))
    return _RANK.get(event.status, _MIDDLE_RANK) * _MOST_SENT + min(sent, _MOST_SENT - 1)


def numbers_differ(a: Match, b: Match) -> bool:
    """True where one system numbers both, and differently."""
    mine: dict[str, set[str]] = {}
    for system, value in a.ids:
        mine.setdefault(system, set()).add(value)
    theirs: dict[str, set[str]] = {}
    for system, value in b.ids:
        theirs.setdefault(system, set()).add(value)
    # urn:ietf:rfc:3986 holds UUIDs and OIDs that every portal makes for itself: different says nothing.
    return any(not (mine[s] & theirs[s]) for s in mine.keys() & theirs.keys() if s != _TOGETHER)
