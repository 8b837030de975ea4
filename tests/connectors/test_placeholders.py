from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.profile.placeholders import filled, unknown_placeholders


@pytest.mark.parametrize(
    ("text", "today", "expected"),
    [
        ("date=ge{years_ago:10}", date(2026, 8, 31), "date=ge2016-08-31"),
        ("date=ge{years_ago:1}", date(2028, 2, 29), "date=ge2027-02-28"),
        ("date=ge{years_ago:4}", date(2028, 2, 29), "date=ge2024-02-28"),
        ("date=ge{years_ago:150}", date(100, 1, 2), "date=ge0001-01-02"),
        ("a={years_ago:1}&b={years_ago:2}", date(2026, 1, 1), "a=2025-01-01&b=2024-01-01"),
        ("category=laboratory", date(2026, 1, 1), "category=laboratory"),
    ],
)
def test_a_day_stands_in_place_of_its_placeholder(text: str, today: date, expected: str) -> None:
    assert filled(text, today=today) == expected
    assert list(unknown_placeholders(text)) == []


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("date=ge{days_ago:10}", ["{days_ago:10}"]),
        ("date=ge{years_ago:0}", ["{years_ago:0}"]),
        ("date=ge{years_ago:151}", ["{years_ago:151}"]),
        ("date=ge{years_ago:10", ["{years_ago:10"]),
        ("date=ge{}", ["{}"]),
        ("date=}", ["}"]),
    ],
)
def test_nothing_else_stands_in_braces(text: str, unknown: list[str]) -> None:
    assert list(unknown_placeholders(text)) == unknown
    assert filled(text, today=date(2026, 1, 1)) == text


@given(today=st.dates(), years=st.integers(1, 150))
def test_every_day_has_one_so_many_years_before(today: date, years: int) -> None:
    before = date.fromisoformat(filled(f"{{years_ago:{years}}}", today=today))
    assert before.year == max(today.year - years, 1)
    assert (before.month, before.day) in {(today.month, today.day), (2, 28)}
