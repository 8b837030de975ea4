"""What the timeline's pages show: each function takes an open Sight and returns frozen shapes."""

from phr.timeline.queries.facts import fact_detail, visit_detail
from phr.timeline.queries.timeline import timeline_page

__all__ = ["fact_detail", "timeline_page", "visit_detail"]
