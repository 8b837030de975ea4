"""The person and the network of the sync tests, for the real input too."""

from tests.sync.conftest import network, person

__all__ = ["network", "person"]
