"""A stateful SMART-on-FHIR portal on loopback: the demo and the tests talk to it over real HTTP."""

from connectors.sandbox.portal import LoggedRequest, Portal
from connectors.sandbox.serve import NotLoopbackError, Running, RunningPortal, json_line, serve
from connectors.sandbox.spec import Account, Captured, Fault, PortalSpec, SandboxClient, Staff

__all__ = [
    "Account",
    "Captured",
    "Fault",
    "LoggedRequest",
    "NotLoopbackError",
    "Portal",
    "PortalSpec",
    "Running",
    "RunningPortal",
    "SandboxClient",
    "Staff",
    "json_line",
    "serve",
]
