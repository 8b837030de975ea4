"""The directory's readers: published lists of endpoints, in every format that is met, as listings."""

from connectors.directory.read import read
from connectors.directory.shapes import MENDED, REASONS, BadList, Listing, Mended, Reason, Skipped
from connectors.directory.vendors import GENERIC, Vendor, Vendors

__all__ = [
    "GENERIC",
    "MENDED",
    "REASONS",
    "BadList",
    "Listing",
    "Mended",
    "Reason",
    "Skipped",
    "Vendor",
    "Vendors",
    "read",
]
