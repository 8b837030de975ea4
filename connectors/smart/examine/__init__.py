"""What a server says of itself, held against the profile of its vendor (PURE).

For an operator: each difference in a sentence, with the line that would mend the profile. Discovery documents
say too little and too much, so nothing here changes what our client does; a person reads, tries, and decides.
"""

from connectors.profile import Profile
from connectors.smart.examine import authorization, scopes
from connectors.smart.examine import capability as capabilities
from connectors.smart.examine.capability import CapabilityLike
from connectors.smart.examine.finding import ORDER, Finding, Severity
from connectors.smart.server import OpenId, Server

__all__ = ["Finding", "Severity", "examine"]


def examine(
    *, server: Server, openid: OpenId | None, capability: CapabilityLike | None, profile: Profile
) -> tuple[Finding, ...]:
    """Return the differences, the worst first.

    `openid` and `capability`: None where there was none to read; of that nothing is said. `capability` is a
    `connectors.fhir.capability.Capability`.
    """
    found = [
        *authorization.differences(server=server, openid=openid, profile=profile),
        *scopes.differences(server=server, profile=profile),
        *(() if capability is None else capabilities.differences(capability=capability, profile=profile)),
    ]
    return tuple(sorted(found, key=lambda finding: ORDER.index(finding.severity)))
