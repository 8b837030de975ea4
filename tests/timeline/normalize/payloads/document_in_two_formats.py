from datetime import UTC, date, datetime

from phr.timeline.events import Attachment, Coding, Event, Kind, Ref, When

expected = (
    Event(
        kind=Kind.DOCUMENT,
        resource_type="DocumentReference",
        title="Progress Notes",
        detail="Keeley Yundt, MD",
        when=When(
            start=datetime(2024, 3, 1, 10, 0, tzinfo=UTC),
            precision="instant",
            text="2024-03-01T10:00:00Z",
            local_date=date(2024, 3, 1),
        ),
        recorded=When(
            start=datetime(2024, 3, 1, 10, 0, tzinfo=UTC),
            precision="instant",
            text="2024-03-01T10:00:00Z",
            local_date=date(2024, 3, 1),
        ),
        status="current",
        codes=(Coding(system="http://loinc.org", code="11506-3", display="Progress note"),),
        text="Progress Notes",
        visit_ref="Encounter/e1",
        refs=(Ref(role="author", target="Practitioner/d1", display="Keeley Yundt, MD"),),
        participants=("p:keeley yundt",),
        attachments=(
            Attachment(content_type="text/html", url="Binary/b1"),
            Attachment(
                content_type="text/plain",
                size=13,
                digest="sha1:2ae01472317d1935a84797ec1983ae243fc6aa28",
                inline=True,
            ),
        ),
        attributes={"authors": "Keeley Yundt, MD"},
    ),
)
