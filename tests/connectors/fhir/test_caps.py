import json

from hypothesis import given
from hypothesis import strategies as st

from connectors.fhir.caps import MAX_DEPTH, depth, fault_of


@given(st.integers(1, 80), st.text(alphabet='[]{}"\\:, ', max_size=20))
def test_depth_counts_levels_outside_strings(levels: int, text: str) -> None:
    value: object = text
    for level in range(levels):
        value = [value, text] if level % 2 else {text: value, "other": []}
    # The innermost object also holds an empty array, which is a level of its own.
    assert depth(json.dumps(value).encode()) == min(levels + 1, MAX_DEPTH + 1)


@given(st.integers(1, 70), st.integers(0, 70), st.integers(0, 6), st.sampled_from(["", "-"]))
def test_numbers_are_capped_by_their_text(whole: int, fraction: int, exponent: int, sign: str) -> None:
    text = sign + "1" * whole + ("." + "0" * fraction if fraction else "")
    text += "e-" + "1" * exponent if exponent else ""
    fault = fault_of(f'{{"a":[ {text} ,"{text}"]}}'.encode())
    assert (fault == "bad_number") == (len(text) > 64 or exponent > 3)


@given(st.text(alphabet='\\u0dDcC8"a', max_size=30))
def test_escapes_are_judged_as_a_parser_would(text: str) -> None:
    raw = b'{"a":"' + text.encode() + b'"}'
    try:
        value = json.loads(raw)["a"]
    except (ValueError, KeyError):
        return
    bad = "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value)
    assert (fault_of(raw) is not None) == bad
