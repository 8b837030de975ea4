"""The sockets' tests run the real pipeline: its fixtures are those of tests/sync."""

from tests.sync.conftest import connect, network, person, serve_portal, vendor

__all__ = ["connect", "network", "person", "serve_portal", "vendor"]
