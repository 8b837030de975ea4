"""What resources point at: people, places and files, fetched by the run that can."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.utils import timezone

from connectors.egress import Egress
from connectors.sandbox import Fault
from phr.accounts.access import Sight
from phr.core.crypto import unseal_bytes
from phr.records.models import Attachment, Resource
from phr.sync.queries import completeness
from tests.sync.conftest import Connect, Serve, Vendor, said, work_until_over
from tests.sync.records import DOCTOR, PATIENT, problem, visit

Network = Callable[..., Egress]
AGAIN_ON_SCHEDULE = "We ask again on schedule."
SMALL = [PATIENT, problem(), visit(), DOCTOR]
LETTER = b"Dear Rosa, all is well."
DOCUMENTS: list[dict[str, Any]] = [
    PATIENT,
    {
        "resourceType": "DocumentReference",
        "id": "letter",
        "status": "current",
        "type": {"text": "Letter"},
        "subject": {"reference": "Patient/pat"},
        "date": "2024-03-01T10:00:00Z",
        "content": [{"attachment": {"contentType": "text/plain", "url": "Binary/letter"}}],
    },
    {
        "resourceType": "Binary",
        "id": "letter",
        "contentType": "text/plain",
        "securityContext": {"reference": "Patient/pat"},
        "data": base64.b64encode(LETTER).decode(),
    },
]


def test_what_others_refer_to_is_fetched_by_the_next_run_where_this_one_could_not(
    person: Sight, serve_portal: Serve, connect: Connect, network: Network
) -> None:
    portal = serve_portal(SMALL)
    portal.set_faults(Fault(kind="status", status=503, times=None, where="Practitioner"))
    source_id, egress = connect(portal), network(portal)
    run = work_until_over(person, source_id, egress)
    assert said(person, run, "references") == (
        "partial",
        f"The portal had an internal error. {AGAIN_ON_SCHEDULE}",
    )
    portal.set_faults()
    run = work_until_over(person, source_id, egress)
    assert said(person, run, "references") == ("complete", "")
    with person.open():
        assert Resource.objects.filter(resource_type="Practitioner", fhir_id="doc").exists()


def test_what_the_portal_does_not_have_is_not_asked_for_at_every_sync(
    person: Sight, serve_portal: Serve, connect: Connect, network: Network
) -> None:
    portal = serve_portal([PATIENT, visit(doctor="nobody")])
    source_id, egress = connect(portal), network(portal)
    first = work_until_over(person, source_id, egress)
    assert said(person, first, "references") == (
        "partial",
        "This portal does not offer it, or no longer has it.",
    )
    second = work_until_over(person, source_id, egress)
    assert sum(each.path.endswith("/Practitioner/nobody") for each in portal.requests()) == 1
    assert said(person, second, "references") == said(person, first, "references"), "nor is it forgotten"


def test_a_file_that_could_not_be_fetched_is_fetched_by_the_next_run(
    person: Sight, serve_portal: Serve, connect: Connect, network: Network
) -> None:
    portal = serve_portal(DOCUMENTS)
    portal.set_faults(Fault(kind="status", status=503, times=None, where="Binary"))
    source_id, egress = connect(portal), network(portal)
    run = work_until_over(person, source_id, egress)
    assert said(person, run, "attachments") == (
        "partial",
        f"The portal had an internal error. {AGAIN_ON_SCHEDULE}",
    )
    portal.set_faults()
    run = work_until_over(person, source_id, egress)
    assert said(person, run, "attachments") == ("complete", "")
    with person.open():
        kept = Attachment.objects.get()
        assert kept.state == Attachment.State.STORED
        assert unseal_bytes(kept, "body") == LETTER
    asked = sum("/Binary/" in each.path for each in portal.requests())
    work_until_over(person, source_id, egress)
    assert sum("/Binary/" in each.path for each in portal.requests()) == asked, "it is fetched once"


def test_a_file_that_the_portal_refuses_is_missing_in_every_later_run_too(
    person: Sight, serve_portal: Serve, connect: Connect, network: Network
) -> None:
    portal = serve_portal(DOCUMENTS)
    portal.set_faults(Fault(kind="status", status=403, times=None, where="Binary"))
    source_id, egress = connect(portal), network(portal)
    for _ in range(2):
        run = work_until_over(person, source_id, egress)
        assert said(person, run, "attachments")[0] == "partial"
    with person.open():
        assert completeness(sight=person, now=timezone.now()) != ()


def documents(count: int) -> list[dict[str, Any]]:
    """Return a patient with letters, each with a file of its own."""
    letter, binary = DOCUMENTS[1:]
    found: list[dict[str, Any]] = [PATIENT]
    for number in range(count):
        url = f"Binary/letter-{number}"
        content = [{"attachment": {"contentType": "text/plain", "url": url}}]
        found.append({**letter, "id": f"letter-{number}", "content": content})
        found.append({**binary, "id": f"letter-{number}"})
    return found


def test_a_portal_that_counts_documents_is_asked_for_no_more_in_a_day(
    person: Sight, serve_portal: Serve, connect: Connect, network: Network, vendor: Vendor
) -> None:
    portal = serve_portal(documents(5), vendor=vendor("[attachments]\ndaily_limit = 2"))
    source_id, egress = connect(portal), network(portal)

    def asked() -> int:
        return sum("/Binary/" in each.path for each in portal.requests())

    run = work_until_over(person, source_id, egress)
    words = "The portal gives 2 documents a day: the rest follows tomorrow."
    assert said(person, run, "attachments") == ("partial", words)
    assert asked() == 2
    run = work_until_over(person, source_id, egress)
    assert said(person, run, "attachments") == ("partial", words)
    assert asked() == 2, "nothing is asked in vain"
    for day in (1, 2):
        with person.open():
            Attachment.objects.update(fetched_at=timezone.now() - timedelta(days=day, seconds=1))
        run = work_until_over(person, source_id, egress)
    assert said(person, run, "attachments") == ("complete", "")
    with person.open():
        assert Attachment.objects.filter(state=Attachment.State.STORED).count() == 5
    assert asked() == 5


def test_a_word_where_an_address_should_be_is_no_file_that_is_missing(
    person: Sight, serve_portal: Serve, connect: Connect, network: Network, vendor: Vendor
) -> None:
    letter = {**DOCUMENTS[1], "content": [{"attachment": {"contentType": "text/plain", "url": "none"}}]}
    told, not_told = (
        serve_portal([PATIENT, letter], vendor=name)
        for name in (vendor('[attachments]\nnot_urls = ["none"]'), "generic")
    )
    run = work_until_over(person, connect(told), network(told))
    assert said(person, run, "attachments") == ("complete", "")
    run = work_until_over(person, connect(not_told), network(not_told))
    assert said(person, run, "attachments")[0] == "partial"
