"""What the sources pages show; every function takes an open Sight."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal

from django.db.models import Count, Q
from django.utils.formats import date_format, number_format
from django.utils.timesince import timesince, timeuntil
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from phr.accounts.access import Sight
from phr.records import queries as record_queries
from phr.records.models import Quarantine
from phr.sources.models import Grant, Source
from phr.sources.profiles import profile_of
from phr.sync import chart
from phr.sync.consent import consent_of
from phr.sync.labels import type_label
from phr.sync.ledger import ledger_of
from phr.sync.models import Due, Run, Step
from phr.sync.reasons import sentence
from phr.sync.shapes import (
    CardState,
    LedgerRow,
    Progress,
    QuarantineLine,
    QuarantinePage,
    RunLine,
    SourceCard,
    SourceDetail,
)

_OPEN = {Run.State.QUEUED, Run.State.RUNNING}
_SHOWN_BYTES = 20_000
_KINDS: dict[Source.Kind, Literal["portal", "file", "export"]] = {
    Source.Kind.PORTAL: "portal",
    Source.Kind.FILE: "file",
    Source.Kind.EXPORT: "export",
}
_RUN_STATES: dict[Run.State, Literal["complete", "partial", "failed", "running", "queued"]] = {
    Run.State.QUEUED: "queued",
    Run.State.RUNNING: "running",
    Run.State.COMPLETE: "complete",
    Run.State.PARTIAL: "partial",
    Run.State.FAILED: "failed",
}


def source_cards(*, sight: Sight, now: datetime) -> tuple[SourceCard, ...]:
    """Return a card a source, in the order they were connected."""
    sources = list(Source.objects.filter(person_id=sight.person_id).order_by("created_at"))
    return tuple(_card(sight=sight, source=source, now=now) for source in sources)


def source_detail(*, sight: Sight, source_id: uuid.UUID, now: datetime) -> SourceDetail | None:
    """Return a source's own page; None when this person has no such source."""
    source = Source.objects.filter(person_id=sight.person_id, pk=source_id).first()
    if source is None:
        return None
    runs = list(Run.objects.filter(person_id=sight.person_id, source=source).order_by("-created_at")[:20])
    steps = _steps_of(runs)
    grant = Grant.objects.filter(source=source).only("scope").first()
    consent = consent_of(source=source, now=now)
    return SourceDetail(
        card=_card(sight=sight, source=source, now=now),
        runs=tuple(_run_line(run, steps[run.pk], now=now) for run in runs),
        connected_text=date_format(source.connected_at, _("j F Y")),
        scope_words=_scope_words(grant.scope if grant is not None else ""),
        address=source.base_url,
        ends_text=consent.ends_text,
        withheld=consent.withheld,
        launch_words=consent.launch_words,
    )


def completeness(*, sight: Sight, now: datetime) -> tuple[str, ...]:
    """Return a sentence for each source that something is missing from; none where all is here."""
    sentences = []
    for source in Source.objects.filter(person_id=sight.person_id).order_by("created_at"):
        card = _card(sight=sight, source=source, now=now, counted=False)
        wanting = [row.label for row in card.ledger if row.state in {"partial", "refused", "failed"}]
        if card.state in {"reconnect", "disconnected", "failed"}:
            sentences.append(f"{card.name}: {card.problems[0]}")
        elif warnings := chart.warnings(sight=sight, source=source):
            sentences.append(f"{card.name}: {warnings[0]}")
        elif card.running:
            sentences.append(_("%(name)s is being fetched; more may come.") % {"name": card.name})
        elif wanting:
            sentences.append(
                _("%(name)s: %(types)s not here, or not all of it.")
                % {"name": card.name, "types": ", ".join(wanting)}
            )
        elif card.quarantined:
            sentences.append(f"{card.name}: {card.problems[-1]}")
        if card.ends_soon:
            sentences.append(card.ends_soon)
    return tuple(sentences)


def quarantine_page(*, sight: Sight, source_id: uuid.UUID, limit: int = 100) -> QuarantinePage | None:
    """Return what of a source was set aside; None when this person has no such source."""
    source = Source.objects.filter(person_id=sight.person_id, pk=source_id).first()
    if source is None:
        return None
    rows = Quarantine.objects.filter(person_id=sight.person_id, source=source, resolved_at=None).order_by(
        "-at"
    )
    return QuarantinePage(
        source_name=source.name,
        lines=tuple(
            QuarantineLine(
                id=row.pk,
                resource_type=row.resource_type or _("unknown"),
                fhir_id="",
                reason=quarantine_sentence(row.reason),
                seen_text=date_format(row.at, _("j F Y, H:i")),
                size_text=_size(len(row.raw)),
                raw_text=bytes(row.raw[:_SHOWN_BYTES]).decode(errors="replace"),
            )
            for row in rows[:limit]
        ),
        total=rows.count(),
    )


def quarantine_sentence(reason: str) -> str:
    """Say why a resource could not be stored."""
    sentences = {
        "not_json": _("It is not readable JSON."),
        "not_utf8": _("It is not readable text."),
        "no_id": _("It has no id, so it could not be told from others."),
        "bad_id": _("Its id has a form that no record can have."),
        "no_resource": _("It is empty."),
        "no_resource_type": _("It does not say what kind of record it is."),
        "not_an_object": _("It is not a record."),
        "wrong_type": _("A part of it has another form than the standard says."),
        "too_large": _("It is larger than a record may be."),
        "too_deep": _("It is nested too deeply to be read safely."),
        "bad_number": _("It holds a number of a length that no measurement has."),
        "nul_character": _("It holds a character that no text may hold."),
        "lone_surrogate": _("It holds a character that no text may hold."),
    }
    return sentences.get(reason, _("It could not be stored as it came."))


def _card(*, sight: Sight, source: Source, now: datetime, counted: bool = True) -> SourceCard:
    """Return the card of a source; ``counted``: with how much of each type we hold, which takes a scan."""
    run = Run.objects.filter(person_id=sight.person_id, source=source).order_by("-created_at").first()
    steps = list(Step.objects.filter(run=run).order_by("ordinal")) if run is not None else []
    due_at = Due.objects.filter(pk=source.pk).values_list("due_at", flat=True).first()
    counts = record_queries.counts(sight=sight, source_id=source.pk) if counted else {}
    ledger = ledger_of(steps, counts=counts)
    quarantined = Quarantine.objects.filter(
        person_id=sight.person_id, source=source, resolved_at=None
    ).count()
    state, state_text = _state(source, run, ledger, quarantined=quarantined)
    ends_soon = consent_of(source=source, now=now).warning
    return SourceCard(
        id=source.pk,
        name=source.name,
        vendor_name=profile_of(source.profile_id).name,
        state=state,
        state_text=state_text,
        last_sync_text=_last(source.last_synced_at, now=now),
        next_sync_text=_next(due_at, now=now) if state not in {"syncing", "waiting"} else "",
        ledger=ledger,
        progress=_progress(run, steps),
        problems=(
            *chart.warnings(sight=sight, source=source),
            *_problems(source, run, ledger),
            *_set_aside(quarantined),
        ),
        can_reconnect=source.kind == Source.Kind.PORTAL
        and (source.state != Source.State.ACTIVE or bool(ends_soon)),
        ends_soon=ends_soon,
        can_sync=source.state == Source.State.ACTIVE and source.kind == Source.Kind.PORTAL,
        quarantined=quarantined,
        kind=_KINDS[Source.Kind(source.kind)],
    )


def _state(  # noqa: PLR0911 - one line a state
    source: Source, run: Run | None, ledger: Sequence[LedgerRow], *, quarantined: int
) -> tuple[CardState, str]:
    if source.state == Source.State.DISCONNECTED:
        return "disconnected", _("disconnected")
    if source.state == Source.State.RECONNECT_NEEDED:
        return "reconnect", _("needs you")
    if run is None and source.kind == Source.Kind.EXPORT:
        return "complete", _("from an export")
    if run is None:
        return "new", _("connected")
    if run.state == Run.State.QUEUED:
        return "waiting", _("waiting")
    if run.state == Run.State.RUNNING:
        return "syncing", _("syncing")
    if run.state == Run.State.FAILED:
        return "failed", _("did not work")
    if (
        quarantined
        or run.state == Run.State.PARTIAL
        or any(row.state in {"partial", "refused"} for row in ledger)
    ):
        return "partial", _("partly here")
    return "complete", _("complete")


def _set_aside(quarantined: int) -> Iterable[str]:
    if quarantined:
        yield ngettext(
            "%(n)s record could not be read and was set aside.",
            "%(n)s records could not be read and were set aside.",
            quarantined,
        ) % {"n": number_format(quarantined)}


def _problems(source: Source, run: Run | None, ledger: Sequence[LedgerRow]) -> Iterable[str]:
    if source.state != Source.State.ACTIVE:
        yield sentence(source.state_reason or source.state)
        return
    if run is not None and run.state == Run.State.FAILED:
        yield sentence(run.reason)
        return
    by_reason: dict[str, list[str]] = defaultdict(list)
    for row in ledger:
        if row.reason and row.state in {"partial", "refused", "failed"}:
            by_reason[row.reason].append(row.label)
    for reason, labels in by_reason.items():
        yield f"{', '.join(labels)}: {reason}"


def _progress(run: Run | None, steps: Sequence[Step]) -> Progress | None:
    if run is None or run.state not in _OPEN:
        return None
    wanted = [step for step in steps if step.state not in {Step.State.REFUSED, Step.State.UNSUPPORTED}]
    done = [step for step in wanted if step.state not in {Step.State.WAITING, Step.State.RUNNING}]
    running = [step for step in wanted if step.state == Step.State.RUNNING]
    if not wanted:
        return Progress(done=0, total=0, label=_("asking what the portal offers"))
    if not running:
        label = _("reading what came") if len(done) == len(wanted) else _("waiting for a turn")
    else:
        step = running[0]
        label = type_label(step.resource_type, step.kind)
        if step.total_claimed and step.matched:
            label = _("%(type)s, %(got)s of %(total)s") % {
                "type": label,
                "got": number_format(step.matched),
                "total": number_format(step.total_claimed),
            }
        elif step.pages:
            label = _("%(type)s, page %(page)s") % {"type": label, "page": step.pages + 1}
    return Progress(done=len(done), total=len(wanted), label=label)


def _run_line(run: Run, steps: Sequence[Step], *, now: datetime) -> RunLine:
    new, changed = sum(step.created for step in steps), sum(step.updated for step in steps)
    same = sum(step.unchanged for step in steps)
    summary = _("%(new)s new, %(changed)s changed, %(same)s as before") % {
        "new": number_format(new),
        "changed": number_format(changed),
        "same": number_format(same),
    }
    seconds = ((run.finished_at or now) - (run.started_at or run.created_at)).total_seconds()
    ledger = ledger_of(steps, counts={})
    return RunLine(
        id=run.pk,
        started_text=date_format(run.started_at or run.created_at, _("j F Y, H:i")),
        state=_RUN_STATES[Run.State(run.state)],
        state_text=str(Run.State(run.state).label),
        summary=summary,
        mode_text=_mode_text(steps),
        seconds_text=ngettext("%(n)s second", "%(n)s seconds", max(round(seconds), 1))
        % {"n": max(round(seconds), 1)},
        requests=run.requests,
        problems=tuple(
            [sentence(run.reason)]
            if run.reason
            else [f"{row.label}: {row.reason}" for row in ledger if row.reason and row.state != "unsupported"]
        ),
    )


def _mode_text(steps: Sequence[Step]) -> str:
    """Say what was asked for: everything, or of some types at least only what changed."""
    asked = {
        step.mode
        for step in steps
        if step.kind in {Step.Kind.SEARCH, Step.Kind.EVERYTHING}
        and step.state not in {Step.State.REFUSED, Step.State.UNSUPPORTED}
    }
    if not asked:
        return ""
    return str((Step.Mode.CHANGES if Step.Mode.CHANGES in asked else Step.Mode.FULL).label)


def _steps_of(runs: Sequence[Run]) -> dict[uuid.UUID, list[Step]]:
    steps: dict[uuid.UUID, list[Step]] = defaultdict(list)
    for step in Step.objects.filter(run__in=runs).order_by("run_id", "ordinal"):
        steps[step.run_id].append(step)
    return steps


def _last(synced_at: datetime | None, *, now: datetime) -> str:
    if synced_at is None:
        return ""
    if now - synced_at < timedelta(minutes=1):
        return _("synced just now")
    # The larger unit alone: nobody asks for the minutes of a day.
    return _("synced %(time)s ago") % {"time": timesince(synced_at, now, depth=1)}


def _next(due_at: datetime | None, *, now: datetime) -> str:
    if due_at is None:
        return ""
    if due_at <= now:
        return _("next in a moment")
    return _("next in %(time)s") % {"time": timeuntil(due_at, now, depth=1)}


def _scope_words(scope: str) -> tuple[str, ...]:
    """Say what was granted; the FHIR scopes as the types that they open."""
    words = []
    for item in scope.split():
        if item in {"openid", "fhirUser", "profile"}:
            words.append(_("Your sign-in there"))
        elif item == "offline_access":
            words.append(_("Staying connected while you are away"))
        elif "/" in item and not item.startswith("launch/"):
            resource_type = item.partition("/")[2].partition(".")[0]
            words.append(
                _("Everything in your record")
                if resource_type == "*"
                else type_label(resource_type, "search")
            )
    return tuple(dict.fromkeys(words))


def _size(count: int) -> str:
    return _("%(n)s bytes") % {"n": number_format(count)}


def activity(*, sight: Sight) -> dict[str, int]:
    """Return how many sources there are, and how many are being synced: what the pages' headers say."""
    counted = Source.objects.filter(person_id=sight.person_id).aggregate(
        sources=Count("pk"), active=Count("pk", filter=Q(state=Source.State.ACTIVE))
    )
    running = Run.objects.filter(person_id=sight.person_id, state__in=_OPEN).count()
    return {**counted, "running": running}
