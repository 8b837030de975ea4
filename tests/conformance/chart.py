"""A patient's chart as a server of the given behaviours would hold it.

Built from the `[server]` block and from US Core, never from what the client of the same profile asks: a fact
that was misread into both sides would otherwise pass.
"""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

from connectors.profile import Server
from tests.conformance.shapes import FURTHER, LINKS, NO_RECORD, SUPPORTING, US_CORE, concept

Resource = dict[str, Any]

# More than the hundred that a client asks for where nothing else is known: every chart has a second page.
MANY: Final = 110
PATIENT: Final = {"opaque": "eAB3mDIBBcyUKviyzrxsnAw3", "short": "12724066", "prefixed": "a-80000.E-14545"}
STRANGER: Final = "somebody-else"
# The group that an export can be asked for, where one is offered.
GROUP: Final = "everybody"
MISSING: Final = "Practitioner/prefix-practitioner-nobody"
_DOCUMENTS: Final = 2


@dataclass(frozen=True, slots=True)
class Chart:
    """`patient`: the id; `long`: the type of which there is more than a page, and `many` how many; `resources`:
    everything.
    """

    patient: str
    long: str
    many: int
    resources: tuple[Resource, ...]

    def texts(self) -> list[bytes]:
        return [json.dumps(resource, separators=(",", ":")).encode() for resource in self.resources]


def chart_of(server: Server, *, unreachable: Collection[str] = ()) -> Chart:
    """Return the chart of one patient at this server, and a stranger's Observation or two.

    `unreachable`: types that a captured statement does not list, or lists without a way to a patient's own.
    """
    patient = PATIENT[server.id_style]
    types = tuple(name for name in known_types(server) if name not in unreachable)
    found: list[Resource] = [_patient(patient), _patient(STRANGER)]
    for name in types:
        lines = list(_lines(name, server))
        # Two of the first, so that reading all of a type again differs from reading the one that changed.
        found += [_owned(name, number, fields, patient) for number, fields in enumerate([*lines[:1], *lines])]
    long = _long_type(server, types)
    found += list(_copies(long, found, patient, server))
    if {"DocumentReference", "Binary"} <= set(types):
        found += list(_documents(patient, server))
    _support(found, types, server)
    if "Provenance" in types and server.provenance_by_revinclude:
        target = next((each for each in found if each["resourceType"] in {"Condition", "Observation"}), None)
        if target is not None:
            found.append(
                {
                    "resourceType": "Provenance",
                    "id": "provenance-0",
                    "target": [{"reference": _reference(target)}],
                    "recorded": "2024-03-01T09:00:00Z",
                }
            )
    if server.not_found_answer != type(server)().not_found_answer:
        # Where that is answered in a way of its own, somebody is named who is not there.
        owner = next(each for each in found if each["resourceType"] == long)
        owner["performer"] = [{"reference": MISSING}]
    if "group" in server.bulk_levels:
        members = [{"entity": {"reference": f"Patient/{each}"}} for each in (patient, STRANGER)]
        found.append({"resourceType": "Group", "id": GROUP, "type": "person", "member": members})
    if long in types:
        found.append(_owned(long, 9000, {}, STRANGER))
    return Chart(patient, long, _many(long, server), tuple(found))


def known_types(server: Server) -> tuple[str, ...]:
    """Return the types of which a patient's chart holds something here, in the order of their names."""
    named = {*server.holds, *server.created, *server.max_counts}
    limited = {*server.scope_types, *server.user_scope_types}
    everything = {*US_CORE, *SUPPORTING, "Provenance", "Binary", *named}
    return tuple(sorted((limited or everything) - NO_RECORD))


def _lines(name: str, server: Server) -> Iterator[Resource]:
    """Yield what stands in each resource of a type."""
    if (
        name in {"Patient", "Provenance", "Binary", "DocumentReference", *SUPPORTING}
        and name not in server.holds
    ):
        return
    if name in server.not_searched and name not in server.holds:
        return
    plain = US_CORE.get(name) or (FURTHER.get(name, {"status": "active"}),)
    if name in server.holds:
        for query in server.holds[name]:
            yield {**copy.deepcopy(plain[0]), **_said(query)}
        return
    for fields in plain:
        # What a search may not ask for is not to be had, so that nothing says whether it is there.
        if not any(_says(fields, query) for query in server.refuses_queries.get(name, ())):
            yield copy.deepcopy(fields)


def _says(fields: Resource, query: str) -> bool:
    """Say whether a resource of US Core is one that a search such as "category=survey" finds."""
    name, _, value = query.partition("=")
    concepts = fields.get(name, [])
    codes = [coding["code"] for each in concepts if isinstance(each, dict) for coding in each["coding"]]
    return value.rpartition("|")[2] in codes


def _said(query: str) -> Resource:
    """Return the elements that a search such as "category=38717003" finds."""
    found: Resource = {}
    for name, text in parse_qsl(query):
        value = text.partition(",")[0]
        system, bar, code = value.rpartition("|")
        match name:
            case "status" | "intent":
                found[name] = value
            case "category":
                found["category"] = [concept(code, system if bar else "http://example.org/category")]
            case "type" | "code":
                found[name] = concept(code, system if bar else "http://example.org/code")
            case _:
                # A date window or the like: what the plain resource says already lies in it.
                continue
    return found


def _owned(name: str, number: int, fields: Resource, patient: str) -> Resource:
    """Return one resource of a type, tied to its patient as R4 has it."""
    link = {"reference": f"Patient/{patient}"}
    resource: Resource = {"resourceType": name, "id": f"{name.lower()}-{number}"[:60]}
    match LINKS.get(name, "subject"):
        case "participant":
            resource["participant"] = [{"actor": link, "status": "accepted"}]
        case "link":
            resource["link"] = [{"target": link}]
        case element:
            resource[element] = link
    return {**resource, **fields}


def _patient(identifier: str) -> Resource:
    return {"resourceType": "Patient", "id": identifier, "name": [{"family": "Marin"}], "gender": "female"}


def _long_type(server: Server, types: tuple[str, ...]) -> str:
    """Choose the type of which there is much: results, else claims, else whatever a patient has."""
    wanted = ("Observation", "ExplanationOfBenefit", "Condition", "Coverage")
    return next((name for name in wanted if name in types and name not in server.refuses), "Observation")


def _many(resource_type: str, server: Server) -> int:
    """Return how many make a second page, at the page that is asked for usually and at the server's cap."""
    stated = 0 if server.max_count == type(server)().max_count else server.max_count
    return max(MANY, server.max_counts.get(resource_type, stated) + 10)


def _copies(long: str, held: list[Resource], patient: str, server: Server) -> Iterator[Resource]:
    """Yield copies of the first resource of each type that is to have more than one page."""
    limited = {name for name, most in server.max_counts.items() if most > 100}
    for name in sorted({long, *limited}):
        first = next((each for each in held if each["resourceType"] == name), None)
        if first is None:
            continue
        own = {key: value for key, value in first.items() if key not in {"id", "resourceType"}}
        for number in range(1000, 1000 + _many(name, server)):
            yield _owned(name, number, copy.deepcopy(own), patient)


def _documents(patient: str, server: Server) -> Iterator[Resource]:
    """Yield documents and their files: one more than a day gives, where a day gives only so many."""
    count = _DOCUMENTS if server.documents_per_day is None else server.documents_per_day + 1
    said = [_said(query) for query in server.holds.get("DocumentReference", ())]
    for number in range(count):
        kind = "text/html" if number % 2 else "application/pdf"
        fields = {
            "status": "current",
            "date": "2024-03-01T09:00:00Z",
            "content": [{"attachment": {"contentType": kind, "url": f"Binary/file-{number}"}}],
            **(said[number % len(said)] if said else {}),
        }
        yield _owned("DocumentReference", 100 + number, fields, patient)
        data = base64.b64encode(f"the text of document {number}".encode()).decode()
        yield {"resourceType": "Binary", "id": f"file-{number}", "contentType": kind, "data": data}


def _support(found: list[Resource], types: tuple[str, ...], server: Server) -> None:
    """Let a patient's resources point at who and where, as far as this server knows such types."""
    for name, (owner, element) in SUPPORTING.items():
        source = next((each for each in found if each["resourceType"] == owner), None)
        known = name in types and name not in server.holds
        if not known or source is None or owner in server.refuses or name in server.refuses:
            continue
        identifier = f"{name.lower()}-0"
        link = {"reference": f"{name}/{identifier}"}
        if element == "location":
            source[element] = [{"location": link}]
        elif element == "participant":
            source[element] = [{"member": link}]
        else:
            source[element] = [link] if element == "specimen" else link
        supporting: Resource = {"resourceType": name, "id": identifier}
        if name == "Specimen":
            supporting["subject"] = copy.deepcopy(source["subject"])
        found.append(supporting)


def _reference(resource: Resource) -> str:
    return f"{resource['resourceType']}/{resource['id']}"
