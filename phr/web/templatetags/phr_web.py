"""Icons for kinds, and the few words that templates need from a state."""

from __future__ import annotations

from functools import cache
from typing import Final

from django import template
from django.forms import BoundField, CheckboxInput
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from heroicons.templatetags.heroicons import heroicon_outline

register = template.Library()

ICONS: Final = {
    "visit": "building-office-2",
    "condition": "tag",
    "result": "beaker",
    "vital": "heart",
    "medication": "eye-dropper",
    "allergy": "exclamation-triangle",
    "vaccine": "shield-check",
    "procedure": "scissors",
    "report": "document-chart-bar",
    "document": "document-text",
    "care_plan": "map",
    "goal": "flag",
    "care_team": "user-group",
    "device": "cpu-chip",
    "claim": "banknotes",
    "coverage": "identification",
    "family_history": "users",
    "questionnaire": "clipboard-document-check",
    "appointment": "calendar-days",
    "order": "pencil-square",
    "communication": "envelope",
    "patient": "user-circle",
    "practitioner": "user",
    "organization": "building-office",
    "location": "map-pin",
    "provenance": "finger-print",
}
OTHER: Final = "document"

# Colour follows meaning; the word beside it says the same.
TONES: Final = {
    "complete": "good",
    "partial": "warn",
    "reconnect": "high",
    "failed": "high",
}


@cache
def _drawn(name: str) -> str:
    return heroicon_outline(name, size=20)


@register.simple_tag
def kind_icon(kind: str) -> str:
    """Draw the icon of a kind; the word stands beside it, so it is hidden from screen readers."""
    return SafeString(_drawn(ICONS.get(kind, OTHER)))


@register.filter
def page_name(kind: str) -> str:
    """Return the page that shows a fact of this kind: a visit has its own."""
    return "visit" if kind == "visit" else "fact"


@register.filter
def number(value: float) -> str:
    """Group the digits as the reader's language does."""
    return number_format(value, use_l10n=True, force_grouping=True)


@register.filter
def state_tone(state: str) -> str:
    """Return the class of a state's mark."""
    return TONES.get(state, "")


@register.filter
def notice_tone(state: str) -> str:
    """Return the class of the notice that a source in this state shows."""
    return {"reconnect": "bad", "failed": "bad"}.get(state, "warn")


@register.filter
def with_code(text: str) -> str:
    """Draw what stands between backticks as code, the way Markdown does."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # one without its partner is only a backtick
        return text
    drawn = (
        format_html("<code>{}</code>", part) if place % 2 else format_html("{}", part)
        for place, part in enumerate(parts)
    )
    return SafeString("".join(drawn))


@register.filter
def is_check(field: BoundField) -> bool:
    """Whether a field is one box to tick, whose label stands after it."""
    return isinstance(field.field.widget, CheckboxInput)
