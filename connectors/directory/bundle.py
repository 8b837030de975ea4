"""Bundles of Endpoint and Organization: SMART user-access brands, and the plainer ones before them. PURE.

Read three times: for what others refer to (endpoints, and which organization is part of which), for the names of
those above others, and for the rows. What is held meanwhile is a few short strings for each organization,
whatever its resource holds beside them.
https://hl7.org/fhir/smart-app-launch/brands.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

from connectors.directory.shapes import Row, Skipped

_BRAND: Final = "/organization-brand"
_PORTAL: Final = "/organization-portal"
_VERSION: Final = "/endpoint-fhir-version"
# A chain of parts longer than this is a circle, or no organization.
_DEEPEST: Final = 12
Members = Iterable[tuple[str | None, Any]]


@dataclass(slots=True)
class _Endpoint:
    row: Row
    # Who runs it, by reference; the names that it carries inside itself.
    managed_by: str = ""
    names: tuple[str, ...] = ()
    named: bool = False


@dataclass(slots=True)
class _Known:
    """What the first reading leaves: endpoints, and of each organization what others may want of it."""

    endpoints: dict[str, _Endpoint] = field(default_factory=dict)
    parts: dict[str, str] = field(default_factory=dict)
    offers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    manages: dict[str, list[str]] = field(default_factory=dict)
    parents: dict[str, Row] = field(default_factory=dict)


def rows(read: Callable[[], Members]) -> Iterator[Row | Skipped]:
    """Yield a row for each organization at each endpoint that it names, or that one above it names.

    ``read``: gives the members of the file from its beginning, each time it is called.
    """
    known = _Known()
    _first(read(), known)
    above = set(known.parts.values())
    if above:
        for resource, keys in _organizations(read()):
            if above.intersection(keys):
                known.parents.update(dict.fromkeys(keys, _organization(resource)))
    for resource, keys in _organizations(read()):
        yield from _of_organization(_organization(resource), keys, known)
    for endpoint in {id(each): each for each in known.endpoints.values()}.values():
        if not endpoint.named:
            # No organization names it: it has the name of the one inside it, or its own.
            for name in endpoint.names or (endpoint.row.endpoint_name,):
                yield replace(endpoint.row, name=name)


def _resources(members: Members) -> Iterator[tuple[dict[str, Any], str]]:
    for name, value in members:
        if name != "entry" or not isinstance(value, dict):
            continue
        resource = value.get("resource")
        if isinstance(resource, dict):
            yield resource, _str(value.get("fullUrl"))


def _organizations(members: Members) -> Iterator[tuple[dict[str, Any], tuple[str, ...]]]:
    for resource, url in _resources(members):
        if resource.get("resourceType") == "Organization":
            yield resource, _keys("Organization", resource, url)


def _first(members: Members, known: _Known) -> None:
    for resource, url in _resources(members):
        if resource.get("resourceType") == "Endpoint":
            endpoint = _endpoint(resource)
            keys = _keys("Endpoint", resource, url)
            known.endpoints.update(dict.fromkeys(keys, endpoint))
            if endpoint.managed_by:
                known.manages.setdefault(endpoint.managed_by, []).extend(keys[:1])
        elif resource.get("resourceType") == "Organization":
            keys = _keys("Organization", resource, url)
            if part_of := _reference("Organization", resource.get("partOf")):
                known.parts.update(dict.fromkeys(keys, part_of))
            if offers := _offers(resource):
                known.offers.update(dict.fromkeys(keys, offers))


def _of_organization(row: Row, keys: tuple[str, ...], known: _Known) -> Iterator[Row | Skipped]:
    chain = _chain(keys, known)
    above = [known.parents[key] for key in chain if key in known.parents]
    if above:
        row = replace(
            row,
            parent=above[-1].name,
            logo_url=row.logo_url or next((each.logo_url for each in above if each.logo_url), ""),
            portal_name=row.portal_name or next((each.portal_name for each in above if each.portal_name), ""),
            portal_url=row.portal_url or next((each.portal_url for each in above if each.portal_url), ""),
        )
    found: list[_Endpoint] = []
    for place in (keys, *((key,) for key in chain)):
        named = [each for key in place for each in (*known.offers.get(key, ()), *known.manages.get(key, ()))]
        found = [known.endpoints[each] for each in dict.fromkeys(named) if each in known.endpoints]
        if found:
            break
    if not found:
        yield Skipped("no_address", row.name[:200])
    for endpoint in {id(each): each for each in found}.values():
        endpoint.named = True
        there = endpoint.row
        yield replace(
            row,
            url=there.url,
            endpoint_name=there.endpoint_name,
            fhir_version=there.fhir_version,
            status=row.status or there.status,
            connection=there.connection,
            practice=row.practice or there.practice,
        )


def _chain(keys: tuple[str, ...], known: _Known) -> list[str]:
    """Return whom an organization is part of, the nearest first."""
    chain: list[str] = []
    part_of = next((known.parts[key] for key in keys if key in known.parts), "")
    while part_of and part_of not in chain and part_of not in keys and len(chain) < _DEEPEST:
        chain.append(part_of)
        part_of = known.parts.get(part_of, "")
    return chain


def _endpoint(resource: dict[str, Any]) -> _Endpoint:
    inside = {
        _str(each.get("id")): _str(each.get("name"))
        for each in _list(resource.get("contained"))
        if isinstance(each, dict) and each.get("resourceType") == "Organization"
    }
    connection = resource.get("connectionType")
    codings = _list(connection) if isinstance(connection, list) else [connection]
    return _Endpoint(
        row=Row(
            url=_str(resource.get("address")),
            endpoint_name=_str(resource.get("name")),
            fhir_version=next((_str(each.get("valueCode")) for each in _extensions(resource, _VERSION)), ""),
            status=_str(resource.get("status")),
            connection=next((_str(each.get("code")) for each in codings if isinstance(each, dict)), ""),
            practice=_practice(resource),
        ),
        managed_by="" if inside else _reference("Organization", resource.get("managingOrganization")),
        names=tuple(name for name in inside.values() if name),
    )


def _organization(resource: dict[str, Any]) -> Row:
    address = next((each for each in _list(resource.get("address")) if isinstance(each, dict)), {})
    logo = ""
    for extension in _extensions(resource, _BRAND):
        logo = logo or _part(extension, "brandLogo")
    portal_name, portal_url = "", ""
    for extension in _extensions(resource, _PORTAL):
        portal_name = portal_name or _part(extension, "portalName")
        portal_url = portal_url or _part(extension, "portalUrl")
        logo = logo or _part(extension, "portalLogo")
    active = resource.get("active")
    return Row(
        name=_str(resource.get("name")),
        aliases=tuple(filter(None, map(_str, _list(resource.get("alias"))))),
        city=_str(address.get("city")),
        state=_str(address.get("state")),
        postal_code=_str(address.get("postalCode")),
        # Some are the picture itself.
        logo_url=logo if logo.startswith("https://") and len(logo) <= 500 else "",
        portal_name=portal_name,
        portal_url=portal_url,
        practice=_practice(resource),
        status="off" if active is False else "",
    )


def _offers(resource: dict[str, Any]) -> tuple[str, ...]:
    """Return the endpoints that an organization names: its own, and those of its portals."""
    found = [_reference("Endpoint", each) for each in _list(resource.get("endpoint"))]
    for extension in _extensions(resource, _PORTAL):
        found += [
            _reference("Endpoint", each.get("valueReference"))
            for each in _list(extension.get("extension"))
            if isinstance(each, dict) and each.get("url") == "portalEndpoint"
        ]
    return tuple(dict.fromkeys(filter(None, found)))


def _practice(resource: dict[str, Any]) -> str:
    """Return what the endpoint calls an organization among many: an extension that says it is its practice."""
    for each in _extensions(resource, "practice"):
        value = each.get("valueReference") or each.get("valueIdentifier") or {}
        said = _str(each.get("valueString")) or _str(each.get("valueId"))
        return said or _str(value.get("reference")) or _str(value.get("value"))
    return ""


def _extensions(resource: dict[str, Any], ending: str) -> Iterator[dict[str, Any]]:
    for each in _list(resource.get("extension")):
        if isinstance(each, dict) and _str(each.get("url")).endswith(ending):
            yield each


def _part(extension: dict[str, Any], name: str) -> str:
    for each in _list(extension.get("extension")):
        if isinstance(each, dict) and each.get("url") == name:
            value = next((item for key, item in each.items() if key.startswith("value")), "")
            return _str(value.get("url") if isinstance(value, dict) else value)
    return ""


def _keys(kind: str, resource: dict[str, Any], url: str) -> tuple[str, ...]:
    """Return what a reference to a resource may say: its type and id, its address in the bundle, its id alone."""
    identifier = _str(resource.get("id"))
    found = [f"{kind}/{identifier}" if identifier else "", url]
    return tuple(dict.fromkeys(filter(None, found)))


def _reference(kind: str, value: object) -> str:
    text = _str(value.get("reference")) if isinstance(value, dict) else ""
    if not text or text.startswith("urn:"):
        return text
    parts = text.rstrip("/").split("/")
    if kind in parts[:-1]:
        return f"{kind}/{parts[-1]}"
    # "#contained", and ids that stand alone.
    return f"{kind}/{text.lstrip('#')}"


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _str(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""
