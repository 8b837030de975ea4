"""Pages into rows: what is new, what differs in what way, what is the same, and what comes back."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.fhir.bundle import read_resource
from connectors.fhir.digest import canonical_digest, jsonb_alters
from phr.accounts.access import Sight
from phr.records import store
from phr.records.models import Quarantine, Resource, Version
from phr.sources.models import Source

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
VOLATILE = ("content[].attachment.url",)


@pytest.fixture
def source(sight: Sight) -> Source:
    with sight.open():
        return Source.objects.create(
            person_id=sight.person_id,
            kind=Source.Kind.FILE,
            profile_id="generic",
            name="A file",
            base_url="https://portal.example.org/fhir",
            patient_fhir_id="pat",
        )


def _document(
    *, text: str = "stable", url: str = "https://portal.example.org/1?signature=a", version: str = "1"
) -> str:
    return json.dumps(
        {
            "resourceType": "DocumentReference",
            "id": "doc",
            "meta": {"versionId": version},
            "description": text,
            "size": 1.50,
            "content": [{"attachment": {"url": url}}],
        }
    )


def _store(sight: Sight, source: Source, *bodies: str) -> store.Stored:
    with sight.open():
        return store.apply(
            sight=sight,
            source=source,
            entries=[read_resource(body.encode()) for body in bodies],
            volatile=VOLATILE,
            now=NOW,
        )


def _counts(stored: store.Stored) -> tuple[int, int, int, int]:
    return stored.created, stored.updated, stored.unchanged, stored.quarantined


@pytest.mark.parametrize(
    ("second", "kept_body", "due"),
    [
        (_document(text="other"), True, True),
        (_document(version="2"), False, False),
        (_document(url="https://portal.example.org/1?signature=b"), False, False),
        (json.dumps(json.loads(_document()), indent=2), False, False),
    ],
    ids=["other_text", "only_meta_moved", "only_the_signature_moved", "only_white_space"],
)
def test_other_bytes_make_a_version_and_only_other_content_keeps_its_body(
    sight: Sight, source: Source, second: str, *, kept_body: bool, due: bool
) -> None:
    assert _counts(_store(sight, source, _document())) == (1, 0, 0, 0)
    with sight.open():
        Resource.objects.update(projection_due=False)
    for _again in range(2):
        changed = _store(sight, source, second)
    assert _counts(changed) == (0, 0, 1, 0)
    with sight.open():
        row = Resource.objects.get(fhir_id="doc")
        version = Version.objects.get(resource_id=row.id)
    assert row.number == 2
    assert row.projection_due is due
    assert row.body == json.loads(second)
    assert (version.body is not None) is kept_body
    # The digest was made when it was asked for, and answers the next time without the body.
    assert row.digest is not None
    third = _store(sight, source, _document(text="a third"))
    assert _counts(third) == (0, 1, 0, 0)
    with sight.open():
        assert [v.body is not None for v in Version.objects.order_by("number")] == [kept_body, True]


def test_an_unchanged_page_touches_and_locks_no_row(sight: Sight, source: Source) -> None:
    _store(sight, source, _document())

    def marks() -> list[Any]:
        with sight.open(), connection.cursor() as cursor:
            cursor.execute("SELECT ctid::text, xmin::text, xmax::text FROM records_resource")
            return list(cursor.fetchall())

    before = marks()
    assert _counts(_store(sight, source, _document())) == (0, 0, 1, 0)
    assert marks() == before


def test_what_the_portal_shows_again_is_no_longer_gone(sight: Sight, source: Source) -> None:
    _store(sight, source, _document())
    for body in (_document(), _document(version="2")):
        with sight.open():
            Resource.objects.update(gone_at=NOW, projection_due=False)
        assert _counts(_store(sight, source, body)) == (0, 1, 0, 0)
        with sight.open():
            row = Resource.objects.get()
        assert row.gone_at is None
        assert row.projection_due


def test_several_pages_of_one_transaction_keep_apart(sight: Sight, source: Source) -> None:
    with sight.open():
        assert _counts(_store(sight, source, _document())) == (1, 0, 0, 0)
        assert _counts(_store(sight, source, _document(text="other"))) == (0, 1, 0, 0)
        assert _counts(_store(sight, source, '{"resourceType":"Basic","id":"x"}')) == (1, 0, 0, 0)
        assert Resource.objects.count() == 2


def test_the_last_copy_in_a_page_counts_and_a_bad_one_goes_to_quarantine_alone(
    sight: Sight, source: Source
) -> None:
    stored = _store(
        sight,
        source,
        _document(),
        _document(text="last"),
        '{"resourceType":"Basic"}',
        '{"resourceType":"Basic"}',
    )
    assert _counts(stored) == (1, 0, 0, 2)
    with sight.open():
        assert Resource.objects.get().body["description"] == "last"
        assert Quarantine.objects.get().reason == "no_id"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(min_value=-(10**20), max_value=10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "meta", "é", 'q"\\']), inner, max_size=3)
    ),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(value=st.dictionaries(st.sampled_from(["b", "meta", "url"]), JSON, max_size=4))
def test_the_digest_of_what_was_stored_is_that_of_what_was_sent(db_text: Any, value: dict[str, Any]) -> None:
    raw = json.dumps(value)
    assert canonical_digest(db_text(raw).encode(), ["url"]) == canonical_digest(raw.encode(), ["url"])


@pytest.fixture(scope="session")
def db_text(django_db_setup: None, django_db_blocker: Any) -> Any:
    """What the table gives back of a body: jsonb's own text, or the bytes where jsonb would alter them."""

    def text(raw: str) -> str:
        if jsonb_alters(raw.encode()):
            return raw
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute("SELECT %s::jsonb::text", [raw])
            return str(cursor.fetchone()[0])

    return text
