"""A CapabilityStatement held against a profile."""

from collections.abc import Iterator, Mapping
from typing import Protocol

from connectors.profile import Profile
from connectors.smart.examine.finding import Finding, listed, toml_array


class ResourceLike(Protocol):
    """What is needed of one type in a CapabilityStatement (`connectors.fhir.capability`)."""

    @property
    def search_parameters(self) -> frozenset[str]: ...
    @property
    def revincludes(self) -> frozenset[str]: ...
    @property
    def searchable(self) -> bool: ...


class CapabilityLike(Protocol):
    """What is needed of a CapabilityStatement (`connectors.fhir.capability.Capability`)."""

    @property
    def fhir_version(self) -> str: ...
    @property
    def is_r4(self) -> bool: ...
    @property
    def operations(self) -> frozenset[str]: ...
    @property
    def resources(self) -> Mapping[str, ResourceLike]: ...


def differences(*, capability: CapabilityLike, profile: Profile) -> Iterator[Finding]:
    """Yield what the statement says otherwise than the profile."""
    if not capability.is_r4:
        yield Finding(
            field="fhir.version",
            severity="stops_connecting",
            expected="R4",
            seen=capability.fhir_version,
            sentence="The server speaks another version of FHIR at this address than the one we read.",
        )
        return
    yield from _operations(capability, profile)
    yield from _searches(capability, profile)


def _operations(capability: CapabilityLike, profile: Profile) -> Iterator[Finding]:
    everything = bool({"Patient/everything", "everything"} & capability.operations)
    if profile.search.everything and not everything:
        yield Finding(
            field="search.everything",
            severity="differs",
            expected="Patient/$everything",
            seen="not listed",
            sentence="The server does not list the operation by which the profile fetches all at once.",
            change="[search]\neverything = false",
        )
    if everything and not profile.search.everything:
        yield Finding(
            field="search.everything",
            severity="note",
            expected="searches by type",
            seen="Patient/$everything",
            sentence="The server also offers everything at once, which the profile does not use.",
            change="[search]\neverything = true",
        )
    exports = {name for name in capability.operations if name.rpartition("/")[2].endswith("export")}
    if exports and not profile.bulk.levels:
        yield Finding(
            field="bulk.levels",
            severity="note",
            expected="none",
            seen=listed(sorted(exports)),
            sentence="The server lists an export for programs, which the profile does not know of.",
        )


def _searches(capability: CapabilityLike, profile: Profile) -> Iterator[Finding]:
    resources, search = capability.resources, profile.search
    known = {name for name in profile.scopes.resources if name in resources}
    lacking = tuple(
        name
        for name in search.last_updated
        if name in resources and "_lastUpdated" not in resources[name].search_parameters
    )
    if lacking:
        kept = tuple(name for name in search.last_updated if name not in lacking)
        yield Finding(
            field="search.last_updated",
            severity="differs",
            expected=listed(lacking),
            seen="not listed",
            sentence="The server does not say that these types answer _lastUpdated, by which we ask for changes.",
            change=f"[search]\nlast_updated = {toml_array(kept)}",
        )
    further = tuple(
        sorted(
            name
            for name in known
            if "_lastUpdated" in resources[name].search_parameters and name not in search.last_updated
        )
    )
    if further and not search.everything:
        yield Finding(
            field="search.last_updated",
            severity="note",
            expected="not used",
            seen=listed(further),
            sentence="These types say that they answer _lastUpdated; to trust that, it must have been seen to work.",
            change=f"[search]\nlast_updated = {toml_array((*search.last_updated, *further))}",
        )
    provenance = any("Provenance:target" in resource.revincludes for resource in resources.values())
    if search.revinclude_provenance and resources and not provenance:
        yield Finding(
            field="search.revinclude_provenance",
            severity="note",
            expected="Provenance:target",
            seen="not listed",
            sentence="The server does not say that a search brings the Provenance along, which the profile asks for.",
        )
    unsearchable = tuple(
        sorted(name for name in known if not resources[name].searchable and name not in search.skip)
    )
    if unsearchable and not search.everything:
        yield Finding(
            field="search.skip",
            severity="note",
            expected="searched",
            seen=listed(unsearchable),
            sentence="The server does not say that these types can be searched; we leave them out.",
            change=f"[search]\nskip = {toml_array((*search.skip, *unsearchable))}",
        )
