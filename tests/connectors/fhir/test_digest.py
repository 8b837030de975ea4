import json
from decimal import Decimal
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.fhir.digest import canonical_digest, jsonb_alters, raw_digest

STORED = b'{"resourceType":"Observation","id":"1","valueQuantity":{"value":13.20,"unit":"g/dL"},"a":[1,2]}'


def test_the_raw_digest_is_of_the_bytes() -> None:
    assert raw_digest(STORED) == sha256(STORED).digest()


@pytest.mark.parametrize(
    "again",
    [
        b'{"id":"1","a":[1,2],"resourceType":"Observation","valueQuantity":{"unit":"g/dL","value":13.20}}',
        (
            b'{ "resourceType" : "Observation",\n"id":"1",'
            b'"valueQuantity":{"value":13.20,"unit":"g\\/dL"},"a":[1, 2]}'
        ),
        b'{"resourceType":"Observation","id":"1","meta":{"lastUpdated":"2025-01-01"},"valueQuantity":{"value":13.20,"unit":"\\u0067/dL"},"a":[1,2]}',
    ],
    ids=["order", "white_space", "only_last_updated_moved"],
)
def test_what_is_the_same_has_the_same_digest(again: bytes) -> None:
    assert canonical_digest(again) == canonical_digest(STORED)


@pytest.mark.parametrize(
    "other",
    [
        STORED.replace(b"13.20", b"13.2"),
        STORED.replace(b"13.20", b'"13.20"'),
        STORED.replace(b"[1,2]", b"[2,1]"),
        STORED.replace(b"[1,2]", b"[1,2,null]"),
        STORED.replace(b"13.20", b"132.0e-1"),
        STORED.replace(b'"a":[1,2]', b'"a":[1,2],"b":{"meta":1}'),
    ],
    ids=["decimals", "text", "order_of_a_list", "null", "exponent", "a_meta_further_down"],
)
def test_what_differs_has_another_digest(other: bytes) -> None:
    assert canonical_digest(other) != canonical_digest(STORED)


def test_volatile_paths_do_not_count() -> None:
    def document(url: str, title: str) -> bytes:
        return json.dumps(
            {
                "resourceType": "DocumentReference",
                "content": [{"attachment": {"url": url, "title": title}}, {"attachment": "odd"}, 5],
            }
        ).encode()

    volatile = ("content[].attachment.url", "no.such[].path", "content")
    for paths in (volatile[:2], volatile[:1]):
        first = canonical_digest(document("https://a/?sig=1", "x"), paths)
        assert first == canonical_digest(document("https://a/?sig=2", "x"), paths)
        assert first != canonical_digest(document("https://a/?sig=1", "y"), paths)
    assert canonical_digest(document("a", "x"), volatile) == canonical_digest(document("b", "y"), volatile)


def test_25_digits_count_each() -> None:
    first, second = (b'{"a":%d}' % (10**24 + number) for number in (1, 2))
    assert canonical_digest(first) != canonical_digest(second)


@pytest.mark.parametrize("raw", [b"[1]", b"nonsense", b'"x"'])
def test_only_objects_have_a_canonical_form(raw: bytes) -> None:
    with pytest.raises(ValueError):
        canonical_digest(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":1e2}',
        b'{"a":[1.5E+3]}',
        b'{"a": 1e-7}',
        b'{"a":[0,\n-0]}',
        b'{"a":-0.00}',
        b'{"a":1,"a":2}',
        b'{"a":{"b":1,"c":2,"b":1}}',
        b'{"a" :1,"b":[{"c":1 , "c" : 2}]}',
        rb'{"a\u0022":1,"a\"":2}',
        rb'{"a":"\u0000"}',
        b'{"a":%d,"a":1}' % 10**30,
    ],
)
def test_jsonb_alters(raw: bytes) -> None:
    assert jsonb_alters(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":13.20,"b":0.010,"c":-0.5,"d":0,"e":-5,"f":-0.05}',
        b'{"a":"1e5 -0","b":": 1e5","c":"\\":-0"}',
        b'{"a":{"b":1},"c":{"b":1},"d":[{"b":1},{"b":1}]}',
        b'{"a":%d}' % 10**30,
        b'{"id":"4e1e5000-aaaa-4e12-8e12-2e9000000000"}',
        rb'{"a":"\u00e9\u0022:"}',
        b'{ "a" : "b\\":" , "c" : [ ] }',
    ],
)
def test_jsonb_keeps(raw: bytes) -> None:
    assert not jsonb_alters(raw)


NUMBERS = st.from_regex(r"-?(0|[1-9][0-9]{0,5})(\.[0-9]{1,4})?([eE][+-]?[0-9]{1,2})?", fullmatch=True)


@given(st.lists(st.tuples(st.sampled_from("abc"), NUMBERS), max_size=4), st.sampled_from(["", " ", "\n"]))
def test_it_agrees_with_a_plain_account_of_jsonb(members: list[tuple[str, str]], white: str) -> None:
    raw = "{" + ",".join(f'"{name}"{white}:{white}{text}' for name, text in members) + "}"
    altered = len({name for name, _ in members}) != len(members) or any(
        _as_jsonb_prints(text) != text for _, text in members
    )
    assert jsonb_alters(raw.encode()) == altered


def _as_jsonb_prints(text: str) -> Any:
    value = Decimal(text)
    # An exponent always changes the text; numeric has no negative zero.
    return f"{value or abs(value):f}" if "e" not in text.lower() else None
