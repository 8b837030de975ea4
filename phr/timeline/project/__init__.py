"""From stored resources to facts: read what is due into events, merge what they touch, put visits together."""

from phr.timeline.project.project import project, rebuild

__all__ = ["project", "rebuild"]
