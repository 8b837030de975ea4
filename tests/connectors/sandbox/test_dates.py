import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sandbox.dates import Span, matches, span


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2024", 366 * 86400),
        ("2023", 365 * 86400),
        ("2024-02", 29 * 86400),
        ("2024-02-29", 86400),
        ("2024-02-29T10:00", 60),
        ("2024-02-29T10:00:00+05:30", 1),
        ("2024-02-29T10:00:00.5Z", 0.001),
    ],
)
def test_a_date_means_a_span(text: str, seconds: float) -> None:
    found = span(text)
    assert found is not None
    assert found.high - found.low == pytest.approx(seconds, abs=1e-6)


@pytest.mark.parametrize("text", ["", "soon", "2024-13", "2024-02-30", "24", "2024-1-1", "2024-02-29T25:00"])
def test_what_is_no_date_means_nothing(text: str) -> None:
    assert span(text) is None
    assert matches(Span(0, 1), f"ge{text}") is None


def test_zones_are_counted() -> None:
    assert span("2024-01-01T00:00:00+02:00") == span("2023-12-31T22:00:00Z")
    assert span("2024-01-01T00:00:00 02:00") == span("2024-01-01T00:00:00+02:00")


moments = st.integers(0, 2_000_000_000)


@given(
    moments, st.integers(1, 10**8), st.sampled_from(["2001", "2015-06", "2020-02-29", "2010-01-01T10:00:00Z"])
)
def test_the_prefixes_agree_with_each_other(low: int, length: int, asked: str) -> None:
    held = Span(low, low + length)
    answers = {
        prefix: matches(held, f"{prefix}{asked}")
        for prefix in ("eq", "ne", "ge", "gt", "le", "lt", "sa", "eb")
    }
    assert answers["eq"] is not answers["ne"]
    assert answers["eq"] is matches(held, asked)
    assert answers["ge"] or not answers["gt"]
    assert answers["le"] or not answers["lt"]
    assert answers["ge"] or answers["le"]
    assert not (answers["sa"] and answers["eb"])
