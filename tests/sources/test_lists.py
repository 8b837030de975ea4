"""Lists from files and addresses: asked only for what changed, and never half."""

from __future__ import annotations

import json
from pathlib import Path

import httpx2  # noqa: TID251 - the publisher of these tests
import pytest

from connectors.directory import BadList
from connectors.egress import Egress
from connectors.errors import PortalError
from phr.sources import lists
from phr.sources.loading import Loaded
from phr.sources.models import Brand, EndpointList
from phr.sources.profiles import UnknownProfile
from tests.connectors.directory.lists import lantern
from tests.sources.lists import NOW

pytestmark = pytest.mark.django_db
WHERE = "https://lists.example.org/endpoints.json"
ROWS = lantern(("https://fhir.acme.org/r4", "Elm"))


class Publisher:
    """Answers as a publisher of a list does; remembers what it was asked."""

    def __init__(
        self, *, etag: str = "", last_modified: str = "", body: bytes = json.dumps(ROWS).encode()
    ) -> None:
        self.etag, self.last_modified, self.body, self.status = etag, last_modified, body, 200
        self.asked: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        if (self.etag and request.headers.get("if-none-match") == self.etag) or (
            self.last_modified and request.headers.get("if-modified-since") == self.last_modified
        ):
            return httpx2.Response(304)
        headers = {"etag": self.etag, "last-modified": self.last_modified}
        return httpx2.Response(
            self.status, content=self.body, headers={key: value for key, value in headers.items() if value}
        )

    def load(self, **more: str) -> Loaded | None:
        egress = Egress(transport=httpx2.MockTransport(self))
        return lists.load_list(where=WHERE, egress=egress, now=NOW, **more)


@pytest.mark.parametrize("kind", [{"etag": '"one"'}, {"last_modified": "Mon, 23 Nov 2026 12:00:00 GMT"}, {}])
def test_an_address_is_asked_for_what_changed(kind: dict[str, str]) -> None:
    there = Publisher(etag=kind.get("etag", ""), last_modified=kind.get("last_modified", ""))
    first = there.load()
    assert first is not None
    assert first.brands_made == 1
    assert (
        there.load() is None
    )  # not even where the publisher says nothing of changes: the bytes are the same
    there.body = json.dumps(lantern(("https://fhir.acme.org/r4", "Oak"))).encode()
    there.etag = '"two"' if there.etag else ""
    there.last_modified = "later" if there.last_modified else ""
    again = there.load()
    assert again is not None
    assert (again.brands_made, again.unlisted) == (1, 1)
    assert EndpointList.objects.get().name == WHERE
    assert all(request.headers.get("authorization") is None for request in there.asked)


@pytest.mark.parametrize(
    ("status", "body"),
    [(404, b"{}"), (500, b""), (200, b"<html>Moved</html>"), (200, b'{"Endpoints": [{"URL":')],
)
def test_an_answer_that_is_no_list_changes_nothing(status: int, body: bytes) -> None:
    there = Publisher(etag='"one"')
    there.load()
    there.status, there.body, there.etag = status, body, '"two"'
    with pytest.raises((BadList, PortalError)):
        there.load()
    assert Brand.objects.get().unlisted_at is None
    assert EndpointList.objects.get().etag == '"one"'


def test_a_file_is_known_by_its_folder_and_name(tmp_path: Path) -> None:
    path = tmp_path / "vendor" / "list.json"
    path.parent.mkdir()
    path.write_text(json.dumps(ROWS))
    egress = Egress(transport=httpx2.MockTransport(lambda _: httpx2.Response(500)))
    assert lists.load_list(where=str(path), egress=egress, now=NOW) is not None
    assert lists.load_list(where=str(path), egress=egress, now=NOW) is None
    assert EndpointList.objects.get().name == "vendor/list.json"
    # Another vendor reads the same bytes differently.
    assert lists.load_list(where=str(path), vendor="generic", egress=egress, now=NOW) is not None
    assert EndpointList.objects.get().vendor == "generic"
    with pytest.raises(UnknownProfile):
        lists.load_list(where=str(path), vendor="nobody", egress=egress, now=NOW)
    with pytest.raises(OSError, match="No such file"):
        lists.load_list(where=str(tmp_path / "none.json"), egress=egress, now=NOW)
