import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import BadReply
from connectors.fhir.bundle import iter_ndjson, read_page, read_resource, resource_type_of

BASE = "https://portal.example/fhir/R4"


def resource(number: int) -> bytes:
    return (
        b'{"resourceType":"Observation","id":"o%d","meta":{"versionId":"3","lastUpdated":"2024-01-02T03:04:05Z"}}'
        % number
    )


def bundle(resources: list[bytes], *, rest: bytes = b"") -> bytes:
    entries = b",".join(
        b'{"fullUrl":"urn:x","resource":%s,"search":{"mode":"match"}}' % each for each in resources
    )
    return b'{"resourceType":"Bundle","type":"searchset","entry":[%s]%s}' % (entries, rest)


BAD = {
    "nul_character": rb'{"resourceType":"Observation","id":"bad","a":"x\u0000"}',
    "lone_surrogate": rb'{"resourceType":"Observation","id":"bad","a":"\ud83d"}',
    "lone_low_surrogate": rb'{"resourceType":"Observation","id":"bad","a":"\ude00 x"}',
    "nan": b'{"resourceType":"Observation","id":"bad","a":NaN}',
    "infinity": b'{"resourceType":"Observation","id":"bad","a":-Infinity}',
    "exponent": b'{"resourceType":"Observation","id":"bad","a":1e999999}',
    "negative_exponent": b'{"resourceType":"Observation","id":"bad","a":[ -1.5E-99999 ]}',
    "digits": b'{"resourceType":"Observation","id":"bad","a":%s}' % (b"9" * 5000),
    "depth": b'{"resourceType":"Observation","id":"bad","a":%s}' % (b"[" * 2000 + b"]" * 2000),
    "objects": b'{"resourceType":"Observation","id":"bad","a":%s1%s}' % (b'{"a":' * 70, b"}" * 70),
    "no_id": b'{"resourceType":"Observation"}',
    "dots": b'{"resourceType":"Observation","id":".."}',
    "slash": b'{"resourceType":"Observation","id":"a/b"}',
    "id_is_number": b'{"resourceType":"Observation","id":5}',
    "type_is_list": b'{"resourceType":["Observation"],"id":"bad"}',
    "no_type": b'{"id":"bad"}',
    "meta_is_text": b'{"resourceType":"Observation","id":"bad","meta":"x"}',
    "array": b"[1]",
    "null": b"null",
    "text": b'"Observation"',
    "control": b'{"resourceType":"Observation","id":"bad","a":"line\nfeed"}',
    "utf8": b'{"resourceType":"Observation","id":"bad","a":"\xff\xfe"}',
    "comma": b'{"resourceType":"Observation","id":"bad","a":[1,]}',
    "leading_zero": b'{"resourceType":"Observation","id":"bad","a":007}',
    "large": b'{"resourceType":"Observation","id":"bad","a":"%s"}' % (b"x" * 5_300_000),
}
FAULTS = {
    "nul_character": "nul_character",
    "lone_surrogate": "lone_surrogate",
    "lone_low_surrogate": "lone_surrogate",
    "nan": "not_json",
    "infinity": "not_json",
    "exponent": "bad_number",
    "negative_exponent": "bad_number",
    "digits": "bad_number",
    "depth": "too_deep",
    "objects": "too_deep",
    "no_id": "no_id",
    "dots": "bad_id",
    "slash": "bad_id",
    "id_is_number": "wrong_type",
    "type_is_list": "wrong_type",
    "no_type": "no_resource_type",
    "meta_is_text": "wrong_type",
    "array": "not_an_object",
    "null": "not_an_object",
    "text": "not_an_object",
    "control": "not_json",
    "utf8": "not_utf8",
    "comma": "not_json",
    "leading_zero": "not_json",
    "large": "too_large",
}


@pytest.mark.parametrize("name", list(BAD))
def test_one_bad_resource_costs_only_itself(name: str) -> None:
    good = [resource(number) for number in range(99)]
    page = read_page(bundle([*good[:50], BAD[name], *good[50:]]), base_url=BASE)
    assert [entry.raw for entry in page.entries if entry.fault is None] == good
    (bad,) = (entry for entry in page.entries if entry.fault is not None)
    assert (bad.fault, bad.raw, bad.mode) == (FAULTS[name], BAD[name], "match")


@pytest.mark.parametrize("name", list(BAD))
def test_a_single_bad_resource_says_so_too(name: str) -> None:
    assert read_resource(BAD[name]).fault == FAULTS[name]
    (line,) = iter_ndjson([BAD[name].replace(b"\n", b"\x0b") + b"\n", b"\n"])
    assert line.fault == FAULTS[name]


@pytest.mark.parametrize(
    "value",
    [
        "13.20",
        "0.010",
        "1.00",
        "1234567890123456789012345",
        "0." + "1" * 60,
        "1e5",
        "-1.5E-999",
        r'"\ud83d\ude00"',
        r'"\\u0000"',
        r'"\\ud83d"',
        '" 1e99999 "',
        '"' + "9" * 5000 + '"',
        '"' + "[{" * 500 + '"',
        '"é"',
        '{"unknown":{"extension":[]}}',
        '"https:\\/\\/x"',
    ],
)
def test_what_is_odd_but_right_passes_unchanged(value: str) -> None:
    raw = f'{{"resourceType":"Observation","id":"o","a": [ {value} ]}}'.encode()
    (entry,) = read_page(bundle([raw]), base_url=BASE).entries
    assert (entry.raw, entry.fault) == (raw, None)


def test_an_entry_knows_what_it_is() -> None:
    (entry,) = read_page(bundle([resource(7)]), base_url=BASE).entries
    assert (entry.resource_type, entry.id, entry.version_id) == ("Observation", "o7", "3")
    assert (entry.last_updated, entry.mode, entry.full_url) == ("2024-01-02T03:04:05Z", "match", "urn:x")
    assert "o7" not in repr(entry)


def test_absent_meta_is_empty() -> None:
    (entry,) = read_page(bundle([b'{"resourceType":"Basic","id":"1","meta":null}']), base_url=BASE).entries
    assert (entry.version_id, entry.last_updated, entry.fault) == ("", "", None)


@pytest.mark.parametrize("broken", [b"", b"NaN"])
def test_outcomes_stay_apart(broken: bytes) -> None:
    outcome = b'{"resourceType":"OperationOutcome","issue":[]}'
    other = b'{"resourceType":"Basic","id":"x"}'
    extra = b',{"resource":{"resourceType":"A","id":"1","x":NaN}}' if broken else b""
    body = (
        b'{"resourceType":"Bundle","entry":[{"resource":%s},{"resource":%s,"search":{"mode":"outcome"}}%s]}'
        % (outcome, other, extra)
    )
    page = read_page(body, base_url=BASE)
    assert page.outcomes == (outcome, other)
    assert len(page.entries) == (1 if broken else 0)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://portal.example/FHIR/r4?Session=AbC%2B", "https://portal.example/FHIR/r4?Session=AbC%2B"),
        ("Observation?page=2", f"{BASE}/Observation?page=2"),
        ("?page=2", f"{BASE}/?page=2"),
        ("/fhir/R4/Observation?page=2", f"{BASE}/Observation?page=2"),
        ("https://evil.example/x", "https://evil.example/x"),
        ("//evil.example/x", "https://evil.example/x"),
        ("", None),
    ],
)
@pytest.mark.parametrize("broken", [False, True])
def test_the_next_link(url: str, expected: str | None, *, broken: bool) -> None:
    before = '{"relation":"self","url":"a"},{"relation":"previous","url":"b"}'
    link = f',"link":[{before},{{"relation":"next","url":"{url}"}}]'
    resources = [b'{"resourceType":"A","id":"1","x":NaN}'] if broken else []
    assert read_page(bundle(resources, rest=link.encode()), base_url=f"{BASE}/").next_url == expected


@pytest.mark.parametrize(
    ("modes", "searched", "expected"),
    [
        pytest.param(("match", "match", "include"), "Goal", 2, id="said"),
        pytest.param(("", "", ""), "Goal", 2, id="not_said"),
        pytest.param(("", "", ""), "", 3, id="not_said_of_all_types"),
        pytest.param(("match", "", "include"), "Goal", 2, id="said_of_some"),
    ],
)
def test_what_came_along_is_not_counted(modes: tuple[str, ...], searched: str, expected: int) -> None:
    types = ("Goal", "Goal", "Provenance")
    entries = b",".join(
        b'{"resource":{"resourceType":"%s","id":"%d"}%s}'
        % (kind.encode(), number, b',"search":{"mode":"%s"}' % mode.encode() if mode else b"")
        for number, (kind, mode) in enumerate(zip(types, modes, strict=True))
    )
    page = read_page(b'{"resourceType":"Bundle","entry":[%s]}' % entries, base_url=BASE)
    assert page.matched(searched) == expected


def test_a_resource_that_cannot_be_read_was_found_all_the_same() -> None:
    page = read_page(b'{"resourceType":"Bundle","entry":[{"resource":{"id":5}}]}', base_url=BASE)
    assert page.matched("Goal") == 1


@pytest.mark.parametrize(
    ("total", "expected"), [("5", 5), ("0", 0), ("-1", None), ("null", None), ('"5"', None), ("1e9999", None)]
)
def test_the_total(total: str, expected: int | None) -> None:
    assert read_page(bundle([], rest=f',"total":{total}'.encode()), base_url=BASE).total == expected


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"<!DOCTYPE html><html></html>", "html"),
        (b"  \n<html>", "html"),
        (b"", "not_json"),
        (b"{", "not_json"),
        (b'{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"A"', "not_json"),
        (b'{"resourceType":"Bundle","entry":[{"resource":{"id":"unclosed}}]}', "not_json"),
        (b'{"resourceType":"Bundle","entry":[]}{}', "not_json"),
        (b"[]", "not_json"),
        (b'{"resourceType":"Patient","id":"1"}', "bad_bundle"),
        (b"{}", "bad_bundle"),
        (b'{"resourceType":"Bundle","entry":[{"resource":NaN}],"link":"next"}', "bad_bundle"),
        (b" " * (50 * 1024 * 1024 + 1), "too_large"),
    ],
    ids=range(12),
)
def test_what_cannot_be_split_is_refused(body: bytes, code: str) -> None:
    with pytest.raises(BadReply) as error:
        read_page(body, base_url=BASE)
    assert error.value.code == code


def test_an_empty_answer_is_an_empty_page() -> None:
    for rest in (b"", b',"entry":null', b',"entry":[]'):
        page = read_page(b'{"resourceType":"Bundle"%s}' % rest, base_url=BASE)
        assert (page.entries, page.next_url, page.total) == ((), None, None)


def test_a_byte_order_mark_and_white_space_are_passed_over() -> None:
    assert len(read_page(b"\xef\xbb\xbf \n" + bundle([resource(1)]) + b"\n", base_url=BASE).entries) == 1


def test_an_entry_without_a_resource_is_a_fault_of_its_own() -> None:
    body = b'{"resourceType":"Bundle","entry":[{"fullUrl":"a"},{"resource":%s},5,"x"]}' % resource(1)
    page = read_page(body, base_url=BASE)
    assert [entry.fault for entry in page.entries] == ["no_resource", None, "not_an_object", "not_an_object"]


def test_escaped_quotes_do_not_slow_the_scanner() -> None:
    # Quadratic would take hours here.
    body = b'{"resourceType":"Bundle","entry":[{"resource":NaN}],"x":"' + rb"\"" * 2_000_000
    with pytest.raises(BadReply):
        read_page(body, base_url=BASE)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.text(st.characters(exclude_characters="\0")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(st.lists(st.dictionaries(st.text(max_size=5), JSON, max_size=4), max_size=5), st.booleans())
def test_slices_are_what_was_sent(values: list[dict[str, object]], ascii_only: bool) -> None:  # noqa: FBT001
    sent = [
        json.dumps(
            {**value, "resourceType": "Basic", "id": f"i{number}"}, ensure_ascii=ascii_only, indent=1
        ).encode(errors="surrogatepass")
        for number, value in enumerate(values)
    ]
    whole = read_page(bundle(sent), base_url=BASE)
    assert [entry.raw for entry in whole.entries] == sent
    broken = read_page(bundle([*sent, b"NaN"]), base_url=BASE)
    assert broken.entries[:-1] == whole.entries


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_noise_never_raises_anything_else(noise: bytes) -> None:
    for body in (noise, bundle([noise]), b'{"resourceType":"Bundle","entry":[%s]}' % noise):
        with contextlib.suppress(BadReply):
            read_page(body, base_url=BASE)
    read_resource(b"{" + noise)
    list(iter_ndjson([noise]))


def test_the_type_of_anything() -> None:
    assert resource_type_of(b'{"resourceType":"OperationOutcome"}') == "OperationOutcome"
    assert resource_type_of(b"[[[") == ""
