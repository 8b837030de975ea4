"""The only way out to the network: address checks, size and time limits, no credential beyond its origin."""

from connectors.egress.exchange import MAX_BYTES, Egress, Reply, ReplyHeaders
from connectors.egress.observed import Call, Observed
from connectors.egress.streams import Stream
from connectors.egress.targets import same_target

__all__ = ["MAX_BYTES", "Call", "Egress", "Observed", "Reply", "ReplyHeaders", "Stream", "same_target"]
