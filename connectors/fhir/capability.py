"""What a server says of itself in its CapabilityStatement (PURE).

Servers say too little or too much, so this is a hint for the plan and never a promise. Source:
https://hl7.org/fhir/R4/capabilitystatement.html
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import msgspec

from connectors.errors import BadReply
from connectors.fhir.bundle import is_html


@dataclass(frozen=True, slots=True)
class ResourceCapability:
    """One resource type: interaction codes (`read`, `search-type` ...), search parameter names, what may be
    included.
    """

    interactions: frozenset[str]
    search_parameters: frozenset[str]
    includes: frozenset[str]
    revincludes: frozenset[str]

    @property
    def searchable(self) -> bool:
        """Whether the type may be searched. A server that lists no interaction at all has not said no."""
        return not self.interactions or "search-type" in self.interactions


@dataclass(frozen=True, slots=True)
class Capability:
    """The server side of a CapabilityStatement. `resources` is empty where the server lists none."""

    fhir_version: str
    software: str
    resources: Mapping[str, ResourceCapability]
    operations: frozenset[str]

    @property
    def is_r4(self) -> bool:
        """Whether the server speaks R4 (4.0.x, and 4.3 which keeps its clinical types), or does not say."""
        return not self.fhir_version or self.fhir_version.startswith("4.")

    def offers(self, resource_type: str) -> bool:
        """Say whether the type is listed; a statement without any list excludes nothing."""
        return not self.resources or resource_type in self.resources


def read_capability(body: bytes) -> Capability:
    """Read a CapabilityStatement, taking what has the expected form and passing over the rest.

    Raises BadReply: `html`, `not_json`, or `bad_response` where it is another resource.
    """
    if is_html(body):
        raise BadReply("html")
    try:
        statement = msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise BadReply("not_json") from None
    if not isinstance(statement, dict) or statement.get("resourceType") not in {
        "CapabilityStatement",
        "Conformance",  # its name before R4; the version then says why nothing is planned
    }:
        raise BadReply("bad_response")
    resources: dict[str, ResourceCapability] = {}
    operations: set[str] = set()
    for rest in _dicts(statement.get("rest")):
        if rest.get("mode", "server") != "server":
            continue
        operations.update(_texts(rest.get("operation"), "name"))
        for entry in _dicts(rest.get("resource")):
            name = entry.get("type")
            if isinstance(name, str) and name:
                resources[name] = _resource(entry)
                operations.update(f"{name}/{code}" for code in _texts(entry.get("operation"), "name"))
    software = statement.get("software")
    return Capability(
        fhir_version=_text(statement.get("fhirVersion")),
        software=_text(software.get("name")) if isinstance(software, dict) else "",
        resources=MappingProxyType(resources),
        operations=frozenset(operations),
    )


def _resource(entry: Mapping[str, Any]) -> ResourceCapability:
    return ResourceCapability(
        interactions=frozenset(_texts(entry.get("interaction"), "code")),
        search_parameters=frozenset(_texts(entry.get("searchParam"), "name")),
        includes=frozenset(_strings(entry.get("searchInclude"))),
        revincludes=frozenset(_strings(entry.get("searchRevInclude"))),
    )


def _dicts(value: object) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))


def _texts(value: object, name: str) -> Iterator[str]:
    yield from _strings([item.get(name) for item in _dicts(value)])


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, str) and item)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
