import pytest

from connectors.fhir.plan.statuses import STATUSES, covers_all, with_all_statuses
from connectors.fhir.query import decode_query, encode_query


def test_every_status_is_named_once() -> None:
    for name, (parameter, values) in STATUSES.items():
        codes = values.split(",")
        assert len(codes) == len(set(codes)) > 2, name
        assert parameter.endswith("status")
        assert covers_all(name, parameter, values)
        assert not covers_all(name, parameter, ",".join(codes[1:]))


@pytest.mark.parametrize(
    ("resource_type", "query", "expected"),
    [
        ("Immunization", "patient=1", "patient=1&status=completed,entered-in-error,not-done"),
        ("Immunization", "patient=1&status=completed", None),
        ("Goal", "patient=1&lifecycle-status=active", None),
        ("Provenance", "patient=1", None),
    ],
)
def test_a_search_is_reworded_where_it_names_none(
    resource_type: str, query: str, expected: str | None
) -> None:
    found = with_all_statuses(resource_type, decode_query(query))
    assert (found and encode_query(found)) == expected
