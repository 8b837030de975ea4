from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import parse_qs, urlsplit

import pytest

from connectors.fhir.bulk_request import NDJSON, kick_off_url, narrowest
from connectors.profile import ExportLevel

BASE = "https://portal.example/fhir/"


@pytest.mark.parametrize(
    ("level", "group", "path"),
    [
        ("system", "", "/fhir/$export"),
        ("patient", "", "/fhir/Patient/$export"),
        ("group", "all of them/1", "/fhir/Group/all%20of%20them%2F1/$export"),
    ],
)
def test_each_level_has_its_address(level: str, group: str, path: str) -> None:
    assert kick_off_url(base_url=BASE, level=level, group_id=group) == f"https://portal.example{path}"  # type: ignore[arg-type]


def test_a_plus_and_a_comma_inside_a_value_arrive_as_such() -> None:
    since = datetime(2026, 11, 20, 9, 30, 0, 250_000, tzinfo=timezone(timedelta(hours=5)))
    filters = [
        "Observation?category=laboratory,vital-signs&date=ge2026-01-01T00:00:00+05:00",
        "Condition?code=a%2Cb",
    ]
    url = kick_off_url(
        base_url=BASE,
        level="patient",
        since=since,
        types=["Observation", "Condition", "Observation"],
        type_filters=filters,
        output_format=NDJSON,
    )
    assert "+" not in url
    query = urlsplit(url).query
    # What stands between two commas of the address is one filter, whatever it holds.
    (raw,) = [part for part in query.split("&") if part.startswith("_typeFilter=")]
    assert len(raw.removeprefix("_typeFilter=").split(",")) == 2
    read = parse_qs(query, strict_parsing=True)
    assert read["_typeFilter"] == [",".join(filters)]
    assert read["_type"] == ["Observation,Condition"]
    assert read["_since"] == ["2026-11-20T04:30:00.250Z"]
    assert read["_outputFormat"] == ["application/fhir+ndjson"]


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02T03:04:05Z"),
        (datetime(2026, 1, 2, 3, 4, 5, 123_456, tzinfo=UTC), "2026-01-02T03:04:05.123456Z"),
    ],
)
def test_a_moment_is_written_as_exactly_as_it_is_known(moment: datetime, text: str) -> None:
    assert kick_off_url(base_url=BASE, level="system", since=moment).endswith(f"?_since={text}")


@pytest.mark.parametrize(("level", "group"), [("group", ""), ("patient", "one"), ("system", "one")])
def test_a_group_goes_with_its_level_alone(level: str, group: str) -> None:
    with pytest.raises(ValueError, match="group"):
        kick_off_url(base_url=BASE, level=level, group_id=group)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("levels", "group", "expected"),
    [
        (("system", "patient", "group"), "", "patient"),
        (("system", "patient", "group"), "one", "group"),
        (("system",), "", "system"),
        (("group",), "", None),
        (("patient",), "one", None),
        ((), "", None),
    ],
)
def test_the_narrowest_level_is_taken(
    levels: tuple[ExportLevel, ...], group: str, expected: str | None
) -> None:
    assert narrowest(levels, group_id=group) == expected


def test_a_moment_of_no_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        kick_off_url(base_url=BASE, level="system", since=datetime(2026, 1, 1))  # noqa: DTZ001
