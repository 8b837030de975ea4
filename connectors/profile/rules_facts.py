"""Which values of what a profile says to people cannot be so."""

from collections.abc import Iterator

from connectors.profile.checks import Fault, https, patterns
from connectors.profile.facts import Addresses, Guide
from connectors.profile.model import Profile


def fact_faults(profile: Profile) -> Iterator[Fault]:
    """Yield (key, reason) for everything in `addresses` and `guide` that cannot be so."""
    yield from _addresses(profile.addresses)
    yield from _guide(profile.guide)


def _addresses(where: Addresses) -> Iterator[Fault]:
    yield from patterns("addresses.patterns", where.patterns)
    yield from patterns("addresses.replaced", where.replaced)
    for staff, patients in where.staff.items():
        yield from patterns("addresses.staff", (staff, patients) if patients else (staff,))
    if where.sandbox:
        yield from https("addresses.sandbox", (where.sandbox,))
    if not all(name.strip() for name in where.lists):
        yield "addresses.lists", "holds a blank name, which every list begins with"


def _guide(guide: Guide) -> Iterator[Fault]:
    for key, url in (("registration_url", guide.registration_url), ("endpoint_list", guide.endpoint_list)):
        if url:
            yield from https(f"guide.{key}", (url,))
    if guide.endpoint_format and not guide.endpoint_list:
        yield "guide.endpoint_format", "is given for a list whose address is not"
    for text in (*guide.steps, *guide.notes):
        if not text.strip():
            yield "guide", "holds a blank sentence"
    for login in guide.test_logins:
        if not login.username or not login.password:
            yield "guide.test_logins", "holds a log-in without a name or a password"
