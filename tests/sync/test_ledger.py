"""What the ledger says of a type that a portal gives in part."""

from __future__ import annotations

from collections.abc import Callable

from django.utils import timezone

from connectors.egress import Egress
from phr.accounts.access import Sight
from phr.sync import queries
from tests.sync.conftest import Connect, Serve, Vendor, sync
from tests.sync.records import PATIENT, result

PARTLY = """
[search.queries]
Observation = ["category=laboratory", "category=vital-signs", "category=survey"]
[[errors]]
status = 400
resource_type = "Observation"
meaning = "refused"
[server.refuses_queries]
Observation = ["category=vital-signs", "category=survey"]
"""


def test_a_type_of_which_parts_are_refused_is_there_in_part_and_names_them(
    person: Sight,
    serve_portal: Serve,
    connect: Connect,
    network: Callable[..., Egress],
    vendor: Vendor,
) -> None:
    portal = serve_portal([PATIENT, result(1)], vendor=vendor(PARTLY))
    source_id = connect(portal)
    run = sync(person, source_id, network(portal))

    with person.open():
        detail = queries.source_detail(sight=person, source_id=source_id, now=timezone.now())
    assert detail is not None
    [row] = [each for each in detail.card.ledger if each.resource_type == "Observation"]
    assert (row.state, row.text) == ("partial", "1, not all parts")
    assert row.reason == "The portal did not allow these parts: vital signs, survey."
    assert detail.card.state == "partial"
    assert run.state == "complete"  # what is not granted does not make a run fail
