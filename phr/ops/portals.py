"""What the `sandbox` command serves: the demo family, or records of any kind, on portals of several
vendors.
"""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from connectors.profile import Profile
from connectors.sandbox.records import RecordsError, dump, read_records
from connectors.sandbox.spec import Account, PortalSpec, SandboxClient, Staff
from connectors.sandbox.split import Resource, split

DEMO: Final = Path(__file__).parent / "demo.toml"
# The portals are on loopback and their people invented (or the operator's own files): the password guards
# nothing, it is there so that somebody signs in as at a real portal.
PASSWORD: Final = "open sesame"  # noqa: S105
_MOST_PORTALS = 20


class PortalsError(Exception):
    """What was asked for cannot be served; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The portals to serve, and which resources of different portals came from one (`{original: {slug:
    copy}}`).
    """

    specs: tuple[PortalSpec, ...]
    pairs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def demo_vendors() -> tuple[str, ...]:
    """Return the ids of the profiles that the demo's portals run, in their order."""
    return tuple(tomllib.loads(DEMO.read_text(encoding="utf-8"))["vendors"])


def profiles_of(vendors: Sequence[str], *, registry: Mapping[str, Profile]) -> tuple[Profile, ...]:
    """Look the vendors up. Raises PortalsError for one without a profile."""
    for vendor in vendors:
        if vendor not in registry:
            raise PortalsError(f"There is no vendor {vendor}: the profiles are {', '.join(registry)}.")
    if len(vendors) > _MOST_PORTALS:
        raise PortalsError(f"At most {_MOST_PORTALS} portals are served at once.")
    return tuple(registry[vendor] for vendor in vendors)


def of_records(
    paths: Sequence[Path],
    *,
    profiles: Sequence[Profile],
    redirect_uris: Sequence[str],
    latency_ms: int,
    shared: float,
    seed: int,
) -> Plan:
    """Split every patient of the files over one portal a profile.

    `shared`: the part (0 to 1) that two or more portals hold. One profile serves each record as it is. Raises
    PortalsError when a file cannot be read or holds no patient.
    """
    slugs = _slugs(profiles)
    held: dict[str, list[Resource]] = {slug: [] for slug in slugs}
    accounts: dict[str, list[Account]] = {slug: [] for slug in slugs}
    pairs: dict[str, Mapping[str, str]] = {}
    styles = {slug: profile.server.id_style for slug, profile in zip(slugs, profiles, strict=True)}
    for resources in _patients(paths):
        if len(slugs) == 1:
            copies = {slugs[0]: resources}
        else:
            try:
                copies, report = split(resources, portals=slugs, shared=shared, seed=seed, id_styles=styles)
            except ValueError as error:
                raise PortalsError(f"The records cannot be split: {error}.") from None
            pairs |= report.pairs
        for slug, copy in copies.items():
            held[slug].extend(copy)
            accounts[slug].extend(_account(each) for each in copy if each["resourceType"] == "Patient")
    specs = tuple(
        PortalSpec(
            slug=slug,
            name=f"Sandbox {profile.name}",
            profile=profile,
            resources=[dump(each) for each in _once(held[slug])],
            accounts=_distinct(accounts[slug]),
            staff=_staff(held[slug]),
            clients=(_client(slug, profile, redirect_uris),),
            latency_ms=latency_ms,
        )
        for slug, profile in zip(slugs, profiles, strict=True)
    )
    return Plan(specs, pairs)


def of_family(
    *,
    profiles: Sequence[Profile],
    redirect_uris: Sequence[str],
    latency_ms: int,
    seed: int,
    until: date,
) -> Plan:
    """Serve the demo family: each of its portals on the next profile. Raises PortalsError for too few
    profiles.
    """
    from connectors.sandbox.family import family  # noqa: PLC0415 - made only when it is served

    made = family(seed=seed, until=until)
    if len(profiles) < len(made.portals):
        raise PortalsError(f"The demo family goes to {len(made.portals)} portals: name as many vendors.")
    specs = []
    for portal, profile in zip(made.portals, profiles, strict=False):
        bodies: list[Resource] = []
        accounts = []
        for person in made.people:
            bodies.extend(person.portals.get(portal.slug, ()))
            there = person.accounts.get(portal.slug)
            if there is not None:
                accounts.append(
                    Account(
                        username=there.username,
                        password=there.password,
                        patient_id=there.patient_id,
                        name=person.name,
                    )
                )
        specs.append(
            PortalSpec(
                slug=portal.slug,
                name=portal.name,
                profile=_given_all(profile),
                resources=[dump(each) for each in _once(bodies)],
                accounts=accounts,
                staff=_staff(bodies),
                clients=(_client(portal.slug, profile, redirect_uris),),
                latency_ms=latency_ms,
            )
        )
    return Plan(tuple(specs))


def _given_all(profile: Profile) -> Profile:
    """Let the registration of the demo have been granted every part of every type."""
    return replace(profile, server=replace(profile.server, refuses_queries=MappingProxyType({})))


def _slugs(profiles: Sequence[Profile]) -> tuple[str, ...]:
    seen: dict[str, int] = defaultdict(int)
    slugs = []
    for profile in profiles:
        slug = profile.id.replace("_", "-")
        seen[slug] += 1
        slugs.append(slug if seen[slug] == 1 else f"{slug}-{seen[slug]}")
    return tuple(slugs)


def _client(slug: str, profile: Profile, redirect_uris: Sequence[str]) -> SandboxClient:
    uris = tuple(uri.replace("{slug}", slug).replace("{vendor}", profile.id) for uri in redirect_uris)
    # Our own addresses stand side by side; another app's launch cannot be told from where it is called back.
    launches = [uri.replace("/callback/", "/launch/") for uri in uris if "/callback/" in uri]
    return SandboxClient(redirect_uris=uris, launch_url=launches[0] if launches else "")


def _staff(resources: Sequence[Resource]) -> tuple[Staff, ...]:
    """Let somebody who treats these patients sign in, if there is anybody."""
    for each in resources:
        if each["resourceType"] == "Practitioner":
            reference = f"Practitioner/{each['id']}"
            return (Staff(username="staff", password=PASSWORD, name=_name(each), reference=reference),)
    return ()


def _patients(paths: Sequence[Path]) -> list[list[Resource]]:
    """Read files that hold one patient each, or all together one."""
    try:
        files = [read_records([path]) for path in paths]
    except (OSError, RecordsError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise PortalsError(f"The records cannot be read: {reason}.") from None
    counts = [sum(each["resourceType"] == "Patient" for each in file) for file in files]
    if not counts or sum(counts) == 0:
        raise PortalsError("The records hold no Patient: nobody could sign in to see them.")
    if all(count == 1 for count in counts):
        return files
    together = _once([each for file in files for each in file])
    if sum(each["resourceType"] == "Patient" for each in together) != 1:
        raise PortalsError("Give files that hold one Patient each, or files that together hold one.")
    return [together]


def _once(resources: Sequence[Resource]) -> list[Resource]:
    """Drop what stands there twice: two patients' files may both bring their doctor."""
    return list({(each["resourceType"], each["id"]): each for each in resources}.values())


def _name(person: Mapping[str, Any]) -> str:
    names = person.get("name") or [{}]
    parts = [*(names[0].get("given") or [])[:1], names[0].get("family") or ""]
    return " ".join(part for part in parts if part) or "Somebody"


def _account(patient: Mapping[str, Any]) -> Account:
    name = _name(patient)
    username = "-".join("".join(c if c.isalnum() else " " for c in name).lower().split())
    return Account(username=username, password=PASSWORD, patient_id=patient["id"], name=name)


def _distinct(accounts: Sequence[Account]) -> list[Account]:
    seen: dict[str, int] = defaultdict(int)
    found = []
    for account in accounts:
        seen[account.username] += 1
        number = seen[account.username]
        username = account.username if number == 1 else f"{account.username}-{number}"
        found.append(
            Account(
                username=username,
                password=account.password,
                patient_id=account.patient_id,
                name=account.name,
            )
        )
    return found
