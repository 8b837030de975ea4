"""What a person agreed to at a portal, in words: how long it lasts, and what it did not include."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from connectors.smart.lifetime import Ending, ending
from phr.sources.models import Grant, Source
from phr.sources.profiles import profile_of
from phr.sync.labels import type_label


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """A grant as its person reads of it; "" and () where there is nothing to say."""

    warning: str = ""
    """Set in the last days before the portal ends it."""
    ends_text: str = ""
    withheld: tuple[str, ...] = ()
    launch_words: tuple[str, ...] = ()


def consent_of(*, source: Source, now: datetime) -> Consent:
    """Return what holds between a person and a portal; the Sight is open."""
    grant = Grant.objects.filter(source=source).first()
    if grant is None or source.kind != Source.Kind.PORTAL:
        return Consent()
    end = ending(
        refresh=profile_of(source.profile_id).refresh,
        obtained_at=grant.obtained_at,
        refreshed_at=grant.refreshed_at,
        access_expires_at=grant.access_expires_at,
        renewable=grant.refresh_token is not None or grant.own_client is not None,
    )
    # The others are no news: a sync moves the one, and the connect page has told of the other.
    lasting = end if end is not None and end.cause == "lifetime" else None
    return Consent(
        warning=_warning(lasting, source=source, now=now),
        ends_text=""
        if lasting is None
        else _("The portal ends this access on %(date)s, whatever happens. Reconnect before then.")
        % {"date": _day(lasting.at)},
        withheld=_withheld(grant.withheld),
        launch_words=_launch_words(grant),
    )


def _warning(end: Ending | None, *, source: Source, now: datetime) -> str:
    if end is None or end.warn_at is None or now < end.warn_at or source.state != Source.State.ACTIVE:
        return ""
    return _("%(name)s asks you to reconnect by %(date)s: then it ends the access that you gave.") % {
        "name": source.name,
        "date": _day(end.at),
    }


def _day(at: datetime) -> str:
    return date_format(at, _("j F Y"))


def _withheld(types: list[str]) -> tuple[str, ...]:
    words = (_("Some kinds of records") if name == "*" else type_label(name, "search") for name in types)
    return tuple(dict.fromkeys(words))


def _launch_words(grant: Grant) -> tuple[str, ...]:
    """Say who began it, where that was not the person here, and what was open there."""
    if grant.launch == "standalone":
        return ()
    words = [
        _("Begun on a page of the portal.")
        if grant.launch == "ehr"
        else _("Begun by a professional, who chose the patient at the portal.")
    ]
    if tenant := grant.context.get("tenant"):
        words.append(_("The portal calls the organisation %(tenant)s.") % {"tenant": tenant})
    if encounter := grant.context.get("encounter"):
        words.append(_("The visit that was open there is %(visit)s.") % {"visit": encounter})
    return tuple(words)
