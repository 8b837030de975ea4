"""What doctors write: plain text, HTML and PDF, within the resource or behind a Binary."""

import base64
import hashlib
import html
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from connectors.sandbox.family.chart import Chart, refer
from connectors.sandbox.family.codes import HL7, LOINC, US_CORE_CODES, coding, concept
from connectors.sandbox.family.pdf import pdf
from connectors.sandbox.split import Resource

KINDS: Final = {
    "progress": ("11506-3", "Progress note"),
    "history": ("34117-2", "History and physical note"),
    "discharge": ("18842-5", "Discharge summary"),
    "emergency": ("34111-5", "Emergency department Note"),
    "consult": ("11488-4", "Consult note"),
    "operation": ("11504-8", "Surgical operation note"),
    "laboratory": ("11502-2", "Laboratory report"),
    "imaging": ("18748-4", "Diagnostic imaging study"),
}


@dataclass(frozen=True, slots=True)
class Writing:
    """A document's bytes and how they are to be read."""

    content_type: str
    content: bytes
    title: str

    def attachment(self, *, url: str = "", created: str = "") -> Resource:
        """Make an Attachment: inline, or by ``url``; a hash tells that two are one."""
        body: Resource = {"contentType": self.content_type, "language": "en-US"}
        if url:
            body["url"] = url
        else:
            body["data"] = base64.b64encode(self.content).decode()
        body["size"] = len(self.content)
        # FHIR R4 asks for SHA-1 here; it is a fingerprint, not a protection.
        body["hash"] = base64.b64encode(hashlib.sha1(self.content, usedforsecurity=False).digest()).decode()
        body["title"] = self.title
        if created:
            body["creation"] = created
        return body


def plain(title: str, paragraphs: Sequence[str]) -> Writing:
    """Write a text note."""
    return Writing("text/plain; charset=utf-8", "\n\n".join([title, *paragraphs]).encode(), title)


def page(title: str, paragraphs: Sequence[str], *, rows: Sequence[tuple[str, str]] = ()) -> Writing:
    """Write an HTML note, with a table where there are ``rows``."""
    written = [f"<h1>{html.escape(title)}</h1>", *(f"<p>{html.escape(text)}</p>" for text in paragraphs)]
    if rows:
        cells = "".join(f"<tr><th>{html.escape(a)}</th><td>{html.escape(b)}</td></tr>" for a, b in rows)
        written.append(f"<table>{cells}</table>")
    head = f'<meta charset="utf-8"><title>{html.escape(title)}</title>'
    text = f'<!DOCTYPE html><html lang="en"><head>{head}</head><body>{"".join(written)}</body></html>'
    return Writing("text/html", text.encode(), title)


def letter(title: str, paragraphs: Sequence[str]) -> Writing:
    """Write a PDF."""
    return Writing("application/pdf", pdf(paragraphs, title=title), title)


def binary(chart: Chart, name: str, writing: Writing) -> str:
    """Put the bytes into a Binary of their own."""
    body: Resource = {
        "contentType": writing.content_type,
        "data": base64.b64encode(writing.content).decode(),
    }
    return chart.add("Binary", name, body)


def document(
    chart: Chart,
    name: str,
    *,
    writing: Writing,
    kind: str,
    written: datetime,
    by: str,
    visit: str = "",
    fetched: bool = False,
    state: str = "current",
    words: str = "",
    described: str = "",
    fact: str = "",
) -> str:
    """Record a DocumentReference; ``fetched``: the bytes stand behind a Binary, else within."""
    code, display = KINDS[kind]
    stamp = chart.desk.instant(written)
    url = binary(chart, name, writing) if fetched else ""
    body: Resource = {
        "identifier": [{"system": chart.system("document"), "value": chart.number(f"document {name}", 9)}],
        "status": state,
        "docStatus": "final",
        "type": concept(coding(LOINC, code, display), text=words or display),
        "category": [
            concept(
                coding(
                    f"{US_CORE_CODES}/us-core-documentreference-category",
                    "clinical-note",
                    "Clinical Note",
                )
            )
        ],
        "subject": chart.subject,
        "date": stamp,
        "author": [chart.who(by)],
        "custodian": chart.who(chart.desk.slug),
    }
    if described:
        body["description"] = described
    body["content"] = [
        {
            "attachment": writing.attachment(url=url, created=stamp),
            "format": coding(
                "http://ihe.net/fhir/ihe.formatcode.fhir/CodeSystem/formatcode",
                "urn:ihe:iti:xds:2017:mimeTypeSufficient",
                "mimeType Sufficient",
            ),
        }
    ]
    context: Resource = {"period": {"start": stamp}}
    if visit:
        context["encounter"] = [refer(visit)]
    body["context"] = context
    return chart.add("DocumentReference", name, body, fact=fact)


def provenance(chart: Chart, name: str, *, targets: Sequence[str], recorded: datetime, by: str) -> str:
    """Record who wrote something down, and for which house."""
    body: Resource = {
        "target": [refer(target) for target in targets],
        "recorded": chart.desk.instant(recorded),
        "agent": [
            {
                "type": concept(coding(f"{HL7}/provenance-participant-type", "author", "Author")),
                "who": chart.who(by),
                "onBehalfOf": chart.who(chart.desk.slug),
            }
        ],
    }
    return chart.add("Provenance", name, body)
