"""An invented family of three generations, with thirty years of records at three portals."""

from connectors.sandbox.family.build import family
from connectors.sandbox.family.directory import PORTALS
from connectors.sandbox.family.model import (
    DemoAccount,
    DemoPerson,
    DemoPortal,
    Family,
    LookAlike,
    SameFact,
    Truth,
)

__all__ = [
    "PORTALS",
    "DemoAccount",
    "DemoPerson",
    "DemoPortal",
    "Family",
    "LookAlike",
    "SameFact",
    "Truth",
    "family",
]
