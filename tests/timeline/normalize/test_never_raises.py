"""Every normaliser, fed what no portal should send: it gives events, all of them sound, and never raises."""

import copy
import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phr.timeline.events import Event
from phr.timeline.merge import Origin, block_keys, member_of, merge
from phr.timeline.normalize import NORMALIZERS, normalize, with_supporting
from tests.timeline.normalize.samples import SAMPLES

_text = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["2024", "2024-13-01", "\x00", "\ud800", "a" * 3000, "#x", "x/y", "\u202eabc"]),
)
_scalar = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.decimals(allow_nan=False, allow_infinity=False),
    _text,
    st.sampled_from([Decimal("1E+999999"), Decimal("1E-999999"), 10**400]),
)
_names = st.sampled_from(
    [
        "code",
        "coding",
        "text",
        "display",
        "system",
        "reference",
        "value",
        "unit",
        "start",
        "end",
        "status",
        "id",
    ]
)
_junk = st.recursive(
    _scalar,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=3),
    max_leaves=8,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every path in a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, inner in items for found in places(inner, (*path, key)))]


def mutilated(resource: dict[str, Any], path: tuple[Any, ...], junk: Any) -> Any:
    """The resource with `junk` at one place."""
    if not path:
        return junk
    harmed = copy.deepcopy(resource)
    holder: Any = harmed
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = junk
    return harmed


def assert_sound(events: tuple[Event, ...], resource_type: str) -> None:
    assert events
    assert [event.ordinal for event in events] == list(range(len(events)))
    for event in events:
        assert event.attributes.get("fault", "") == ""
        assert event.title
        assert resource_type in {event.resource_type, "DiagnosticReport"}
        row = json.loads(json.dumps(event.to_row()))
        assert "\x00" not in json.dumps(row)
        json.dumps(row, ensure_ascii=False).encode()  # no lone surrogate would pass into the database
        assert Event.from_row(row) == event
        assert isinstance(event.value_text + event.unit_text + event.content_digest, str)
        assert with_supporting(event, {}) == event
        member = member_of(key=f"s|{resource_type}|1|{event.ordinal}", origin=Origin("s"), event=event)
        assert block_keys(member)
        assert msgspec.convert(msgspec.to_builtins(member.match), type(member.match)) == member.match
        other = member_of(key=f"t|{resource_type}|1|{event.ordinal}", origin=Origin("t"), event=event)
        assert sum(len(group.members) for group in merge([member, other])) == 2


@pytest.mark.parametrize("resource_type", sorted({*NORMALIZERS, "Unheard", ""}))
@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_mutilated_resource_still_gives_an_event(resource_type: str, data: st.DataObject) -> None:
    resource: Any = SAMPLES.get(resource_type, {"resourceType": resource_type, "code": {"text": "x"}})
    for _ in range(data.draw(st.integers(1, 3))):
        resource = mutilated(resource, data.draw(st.sampled_from(places(resource))), data.draw(_junk))
    assert_sound(normalize(resource, resource_type=resource_type), resource_type)


@pytest.mark.parametrize("resource_type", sorted({*NORMALIZERS, "Unheard", ""}))
def test_an_empty_resource_is_a_line_too(resource_type: str) -> None:
    assert_sound(normalize({}, resource_type=resource_type), resource_type)


@pytest.mark.parametrize("resource", [None, [], "text", 7, {"resourceType": 7}, {"resourceType": None}])
def test_what_is_no_resource_is_a_line_too(resource: Any) -> None:
    (event,) = normalize(resource)
    assert event.generic
    assert event.title == "Unnamed record"


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(NORMALIZERS)), st.dictionaries(_names, _junk, max_size=6))
def test_junk_is_a_line_too(resource_type: str, resource: dict[str, Any]) -> None:
    assert_sound(normalize(resource, resource_type=resource_type), resource_type)
