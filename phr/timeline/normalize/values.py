"""Measured values, the laboratory's ranges and what it said about them.

A flag comes from the interpretation that was sent; where none was, a numeric range of the same unit may be compared
with (a fact of the laboratory's own numbers, marked "range"). Nothing else is ever judged here.
"""

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from phr.timeline.events import Flag, FlagBasis, Quantity, ReferenceRange
from phr.timeline.normalize import codes, dates, read, units

DASH = "\N{EN DASH}"
_COMPARATORS = {"<": "<", "<=": "≤", ">": ">", ">=": "≥", "ad": "sufficient to reach "}
# https://terminology.hl7.org/CodeSystem-v3-ObservationInterpretation.html, and the words laboratories write instead.
_FLAGS: dict[str, Flag] = {
    "hh": "critical",
    "ll": "critical",
    "aa": "critical",
    "hu": "critical",
    "lu": "critical",
    "h>": "critical",
    "l<": "critical",
    "h": "high",
    "hx": "high",
    "l": "low",
    "lx": "low",
    "a": "abnormal",
    "n": "normal",
    "critical high": "critical",
    "critically high": "critical",
    "critical low": "critical",
    "critically low": "critical",
    "critical abnormal": "critical",
    "critical": "critical",
    "panic high": "critical",
    "panic low": "critical",
    "significantly high": "critical",
    "significantly low": "critical",
    "high": "high",
    "above normal": "high",
    "low": "low",
    "below normal": "low",
    "abnormal": "abnormal",
    "abnormal (applies to non-numeric results)": "abnormal",
    "normal": "normal",
    "within normal range": "normal",
    "within normal limits": "normal",
}
_STRONGEST: tuple[Flag, ...] = ("critical", "high", "low", "abnormal", "normal")
_DIRECTIONS = {
    "hh": "critically high",
    "ll": "critically low",
    "hu": "significantly high",
    "lu": "significantly low",
}


def quantity(value: Any) -> Quantity | None:
    """A FHIR Quantity (Age, Money, Duration, ...) -> Quantity; None where it holds no number."""
    holder = read.obj(value)
    number = read.text(holder, "value")
    if not number:
        return None
    code = read.text(holder, "code")
    unit = read.text(holder, "unit") or code or read.text(holder, "currency")
    comparator = _COMPARATORS.get(read.text(holder, "comparator"), "")
    return Quantity(number, unit, code if code != unit else "", comparator)


def quantity_text(value: Any) -> str:
    """A Quantity in one text: "5 mg"."""
    found = quantity(value)
    return f"{found.comparator}{found.value} {found.unit}".strip() if found else ""


def range_text(value: Any) -> str:
    """A Range in one text: "4.0 to 5.6" with a dash, "up to 5 mg", "at least 3 d"."""
    low, high = quantity(read.obj(value, "low")), quantity(read.obj(value, "high"))
    if low and high:
        return f"{low.value}{DASH}{high.value} {high.unit or low.unit}".strip()
    if low:
        return f"at least {low.value} {low.unit}".strip()
    return f"up to {high.value} {high.unit}".strip() if high else ""


def ratio_text(value: Any) -> str:
    """A Ratio in one text: "1:128", "5 mg / 1 mL"."""
    upper, lower = quantity(read.obj(value, "numerator")), quantity(read.obj(value, "denominator"))
    if upper is None or lower is None:
        return quantity_text(read.obj(value, "numerator"))
    if not upper.unit and not lower.unit:
        return f"{upper.comparator}{upper.value}:{lower.value}"
    return f"{upper.comparator}{upper.value} {upper.unit} / {lower.value} {lower.unit}".strip()


def choice(resource: read.Json, name: str = "value") -> Quantity | str | None:
    """The value[x] under `name`, of whatever type: a Quantity, or text in the portal's words, or None."""
    if (value := resource.get(f"{name}Quantity")) is not None and (found := quantity(value)):
        return found
    for suffix, words in _WORDS.items():
        if (value := resource.get(name + suffix)) is not None and (said := words(value)):
            return said
    return None


def _boolean(value: Any) -> str:
    return {True: "Yes", False: "No"}.get(value, "") if isinstance(value, bool) else ""


def _samples(value: Any) -> str:
    data = read.text(value, "data")
    return f"{len(data.split())} measurements in sequence" if data else ""


def _period(value: Any) -> str:
    begin, end = read.text(value, "start"), read.text(value, "end")
    return f"{begin} to {end}" if begin and end else begin or end


_WORDS: dict[str, Callable[[Any], str]] = {
    "CodeableConcept": codes.words,
    "String": read.string,
    "Boolean": _boolean,
    "Integer": read.string,
    "Decimal": read.string,
    "Range": range_text,
    "Ratio": ratio_text,
    "SampledData": _samples,
    "DateTime": read.string,
    "Date": read.string,
    "Time": read.string,
    "Period": _period,
    "Coding": codes.words,
    "Code": read.string,
    "Uri": read.string,
    "Age": quantity_text,
    "Duration": quantity_text,
    "Money": quantity_text,
    "Attachment": lambda value: read.text(value, "title") or read.text(value, "contentType"),
    "Reference": lambda value: read.text(value, "display"),
}


def reference_range(resource: read.Json) -> tuple[ReferenceRange | None, bool]:
    """The range as sent, and whether its numbers may be compared with (one range, no other meaning than normal)."""
    ranges = read.objs(resource, "referenceRange")
    if not ranges:
        return None, False
    texts = dict.fromkeys(said for said in map(_range_words, ranges) if said)
    chosen = ranges[0]
    low, high = quantity(read.obj(chosen, "low")), quantity(read.obj(chosen, "high"))
    unit = units.canonical(next((q.code or q.unit for q in (low, high) if q), ""))
    found = ReferenceRange(
        "; ".join(texts), low.value if low else "", high.value if high else "", unit if low or high else ""
    )
    meaning = codes.first_code(chosen.get("type"))
    comparable = len(ranges) == 1 and meaning in {"", "normal"} and not chosen.get("appliesTo")
    same_unit = low is None or high is None or units.canonical(low.code or low.unit) == unit == _unit(high)
    return found, comparable and same_unit and bool(low or high)


def _unit(value: Quantity) -> str:
    return units.canonical(value.code or value.unit)


def _range_words(each: read.Json) -> str:
    if said := read.text(each, "text"):
        return said
    low, high = read.text(each, "low", "value"), read.text(each, "high", "value")
    if low and high:
        return f"{low}{DASH}{high}"
    return f"at least {low}" if low else f"up to {high}" if high else ""


def interpretation(resource: read.Json) -> tuple[str, Flag]:
    """(words, flag) of what the laboratory said about its result; ("", "") where it said nothing."""
    said: list[str] = []
    flags: set[Flag] = set()
    for concept in read.objs(resource, "interpretation"):
        names = [c.code.lower() for c in codes.codings(concept)]
        names += [c.display.lower() for c in codes.codings(concept)]
        names.append(read.text(concept, "text").lower())
        flags |= {_FLAGS[name] for name in names if name in _FLAGS}
        word = codes.words(concept)
        said.append(_DIRECTIONS.get(word.lower(), word))
    return ", ".join(filter(None, said)), next((flag for flag in _STRONGEST if flag in flags), "")


def judged(
    resource: read.Json, value: Quantity | str | None
) -> tuple[str, ReferenceRange | None, Flag, FlagBasis, str]:
    """(interpretation words, range, flag, what the flag rests on, its words such as "above" and the limits)."""
    said, flag = interpretation(resource)
    limits, comparable = reference_range(resource)
    beyond = compare(value, limits) if comparable and limits else ""
    words = f"{'above' if beyond == 'high' else 'below'} {_limits(limits)}" if beyond and limits else ""
    if flag:
        agrees = beyond == flag or (beyond and flag in {"critical", "abnormal"})
        return said, limits, flag, "interpretation", words if agrees else ""
    if beyond and not said:
        return said, limits, beyond, "range", words
    return said, limits, "", "", ""


def _limits(limits: ReferenceRange) -> str:
    return f"{limits.low}{DASH}{limits.high}" if limits.low and limits.high else limits.low or limits.high


def compare(value: Quantity | str | None, limits: ReferenceRange) -> Flag:
    """`high` or `low` where a plain number of the same unit lies outside `limits`, else ""."""
    if not isinstance(value, Quantity) or value.comparator or _unit(value) != limits.unit:
        return ""
    number = decimal(value.value)
    low, high = decimal(limits.low), decimal(limits.high)
    if number is None:
        return ""
    if high is not None and number > high:
        return "high"
    return "low" if low is not None and number < low else ""


def decimal(text: str) -> Decimal | None:
    """A finite decimal, or None."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def timing_text(value: Any) -> str:
    """A Timing in words where the portal gave words or a code; schedules are not re-told."""
    holder = read.obj(value)
    return codes.words(holder.get("code")) or ", ".join(read.strings(holder, "event")[:3])


_AGE_UNITS = {"a": "years", "mo": "months", "wk": "weeks", "d": "days", "h": "hours"}


def span_text(resource: read.Json, name: str) -> str:
    """Age, Range, Period, string or date under `name`[x] as text, such as the onset of a condition: "at 61 years"."""
    age = quantity(resource.get(f"{name}Age"))
    if age is not None:
        unit = _AGE_UNITS.get(age.code or age.unit, age.unit)
        return f"at {age.comparator}{age.value} {unit}".strip()
    found = choice(resource, name)
    if isinstance(found, Quantity):
        return f"{found.value} {found.unit}".strip()
    if isinstance(found, str):
        return found
    return dates.when(resource.get(name)).text or read.text(resource, name)
