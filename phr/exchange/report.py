"""What an export did and is doing, for commands and pages: counts and states, nothing of a patient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db.models import Count, F, Q, Sum
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from connectors.errors import SENTENCES
from phr.exchange.models import Export, ExportedPatient, ExportFile, Landed, SetAside

COUNTED: Final = ("created", "updated", "unchanged", "landed", "shared", "declined", "set_aside")

_SENTENCES: Final[dict[str, Promise]] = {
    "client_refused": _(
        "The server does not accept our program: look at its client id, key and scopes there."
    ),
    "bad_scope": _("The server does not accept the scopes that were asked for; name the types with --type."),
    "too_many_manifests": _("The server's list of files goes on for too long: nothing of it was fetched."),
    "manifest_repeats": _("The server's list of files leads back to itself: nothing of it was fetched."),
    "export_expired": _("The server forgot the export before it was fetched; it is asked for anew."),
    "fewer_than_claimed": _(
        "The server gave fewer records than it counts. The next export asks for all again."
    ),
    "server_problems": _(
        "The server says that it could not export everything. The next export asks for all again."
    ),
    "rate_limited": _("The server asks us to wait, as while another export of ours is running there."),
    "foreign_host": _("The server points to another host, where our token must not be shown."),
    "no_registration": _("There is no client id for this portal."),
    "no_key": _("There is no key to sign with: register the client with --method private_key_jwt."),
    "secret_expired": _("The client secret has run out."),
    "other_files": _("Other files were given before these were read to their end."),
    "internal_error": _("Something went wrong on our side; the log of the worker says what."),
}


def sentence(code: str) -> str:
    """Return the sentence for a reason; "" for none."""
    if code in _SENTENCES:
        return str(_SENTENCES[code])
    known: dict[str, str] = dict(SENTENCES.items())
    text = known.get(code, code)
    return f"{text[:1].upper()}{text[1:]}." if text else ""


@dataclass(frozen=True, slots=True)
class FileLine:
    """One file, or all of one type."""

    resource_type: str
    files: int
    over: int
    claimed: int | None
    read: int
    counts: dict[str, int]


def by_type(export_id: UUID) -> tuple[FileLine, ...]:
    """Return what was read of each type, by its name; the desk is open."""
    over = Q(state__in=[ExportFile.State.COMPLETE, ExportFile.State.PARTIAL, ExportFile.State.FAILED])
    rows = (
        ExportFile.objects.filter(export_id=export_id, kind=ExportFile.Kind.OUTPUT)
        .values("resource_type")
        .annotate(
            files=Count("pk"),
            over=Count("pk", filter=over),
            known=Count("claimed"),
            expected=Sum("claimed"),
            **{f"n_{name}": Sum(name) for name in COUNTED},
        )
        .order_by("resource_type")
    )
    return tuple(
        FileLine(
            resource_type=row["resource_type"],
            files=row["files"],
            over=row["over"],
            claimed=row["expected"] if row["known"] == row["files"] else None,
            read=sum(_counts(row).values()),
            counts=_counts(row),
        )
        for row in rows
    )


def _counts(row: Mapping[str, Any]) -> dict[str, int]:
    return {name: row[f"n_{name}"] for name in COUNTED}


def progress(export: Export) -> tuple[int, int | None]:
    """Return how many records were read, and how many there are, None where that is not known; the desk is open."""
    lines = by_type(export.pk)
    claimed = [line.claimed for line in lines]
    known = bool(lines) and None not in claimed
    return sum(line.read for line in lines), sum(each or 0 for each in claimed) if known else None


def report(export: Export) -> dict[str, Any]:
    """Describe an export: state, reason, and for each type how many records were new, changed, waiting and so on.

    The desk is open.
    """
    began = export.started_at or export.created_at
    return {
        "export": str(export.pk),
        "connection": str(export.connection_id),
        "state": export.state,
        "reason": sentence(export.reason),
        "since": None if export.since is None else export.since.isoformat(),
        "transaction_time": None if export.transaction_time is None else export.transaction_time.isoformat(),
        "types": {line.resource_type: {"files": line.files, **line.counts} for line in by_type(export.pk)},
        "failed_files": ExportFile.objects.filter(export=export, state=ExportFile.State.FAILED).count(),
        "problems": export.problems,
        "restarts": export.restarts,
        "requests": export.requests,
        "seconds": round(((export.finished_at or timezone.now()) - began).total_seconds(), 3),
    }


@dataclass(frozen=True, slots=True)
class Standing:
    """How a connection stands: patients by state, what waits with its content, and what could not be read."""

    waiting: int
    mapped: int
    ignored: int
    unclear: int
    set_aside: int


def standing(connection_id: UUID) -> Standing:
    """Return how a connection stands; the desk is open."""
    states = dict(
        ExportedPatient.objects.filter(connection_id=connection_id)
        .annotate(stands=F("state"))
        .values_list("stands")
        .annotate(n=Count("pk"))
    )
    unclear = Landed.objects.filter(connection_id=connection_id, body__isnull=False).filter(
        Q(role=Landed.Role.UNCLEAR) | Q(role=Landed.Role.OWNED, patient=None)
    )
    return Standing(
        waiting=states.get(ExportedPatient.State.WAITING, 0),
        mapped=states.get(ExportedPatient.State.MAPPED, 0),
        ignored=states.get(ExportedPatient.State.IGNORED, 0),
        unclear=unclear.count(),
        set_aside=SetAside.objects.filter(connection_id=connection_id).count(),
    )
