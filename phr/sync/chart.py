"""Whose chart a source brings, as the portal names them, and whether that is whose record it came into."""

from __future__ import annotations

import unicodedata
from datetime import date

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from phr.accounts.access import Sight
from phr.sources.models import Source
from phr.timeline.models import Event


def named(*, sight: Sight, source: Source) -> tuple[str, date | None]:
    """Return name and birth date of the patient of a source as its portal says them; "" and None where unread."""
    event = Event.objects.filter(
        person_id=sight.person_id,
        source=source,
        resource_type="Patient",
        fhir_id=source.patient_fhir_id,
        ordinal=0,
    ).first()
    if event is None:
        return "", None
    try:
        born = date.fromisoformat(event.data.get("attributes", {}).get("birth_date", ""))
    except ValueError:
        born = None
    return str(event.data.get("title", "")), born


def warnings(*, sight: Sight, source: Source) -> tuple[str, ...]:
    """Return a sentence for each sign that a source is not about this person; none where nothing speaks of it.

    Nothing is held back for it: names change, and portals misspell. The person decides, and can disconnect.
    """
    found = []
    name, born = named(sight=sight, source=source)
    other_birth = born is not None and sight.birth_date is not None and born != sight.birth_date
    other_name = bool(name) and not _words(name) & _words(sight.name)
    if other_birth or other_name:
        shown = f"{name}, {_('born')} {date_format(born, _('j F Y'))}" if born else name
        found.append(
            _("This portal's chart is of %(who)s. If that is not whose record this is, disconnect it.")
            % {"who": shown}
        )
    others = Event.objects.filter(person_id=sight.person_id, source=source, exclusion="other_patient").count()
    if others:
        found.append(
            ngettext(
                "%(n)s record that it sent says it is about somebody else, and is not shown.",
                "%(n)s records that it sent say they are about somebody else, and are not shown.",
                others,
            )
            % {"n": others}
        )
    return tuple(found)


def _words(name: str) -> set[str]:
    """Return the words of a name without case, accents and titles of one letter."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(c))
    return {word for word in "".join(c if c.isalnum() else " " for c in plain).split() if len(word) > 1}
