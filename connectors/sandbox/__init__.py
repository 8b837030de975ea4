"""A stateful SMART-on-FHIR portal on loopback: the demo and the tests talk to it over real HTTP."""

from connectors.sandbox.portal import LoggedRequest
from connectors.sandbox.serve import NotLoopbackError, Running, RunningPortal, json_line, serve
from connectors.sandbox.spec import Account, Fault, PortalSpec, SandboxClient

__all__ = [
    "Account",
    "Fault",
    "LoggedRequest",
    "NotLoopbackError",
    "PortalSpec",
    "Running",
    "RunningPortal",
    "SandboxClient",
    "json_line",
    "serve",
]
