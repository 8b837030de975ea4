"""Exports: the operator's connections to whole systems, the jobs there, and what lies here until it is mapped.

Nothing of this is anybody's record. A patient of an export becomes part of one when the operator says whose it is
(phr.exchange.patients); until then their resources wait, sealed, in tables that no tenant can see.

Keys to people and users are written in the migration: what is deleted there must not be looked for here by a role that
sees nothing.
"""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from phr.accounts.models import Person
from phr.core.ids import uuid7
from phr.sources.models import Portal, Registration, SigningKey

ID_LENGTH = 200


class SystemConnection(models.Model):
    """Our own program's way into a system, or a place that export files were put into."""

    class Kind(models.TextChoices):
        PORTAL = "portal", _("a portal")
        FILES = "files", _("files")

    class Level(models.TextChoices):
        SYSTEM = "system", _("everything")
        PATIENT = "patient", _("all patients")
        GROUP = "group", _("a group of patients")

    class State(models.TextChoices):
        ACTIVE = "active", _("active")
        PAUSED = "paused", _("paused")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.PORTAL)
    name = models.CharField(max_length=300)
    profile_id = models.CharField(max_length=64)
    # What relative references are relative to, and part of the identity of a chart.
    base_url = models.CharField(max_length=500)
    portal = models.ForeignKey(Portal, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    registration = models.ForeignKey(
        Registration, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    # Where the vendor gave our program a client id of its own; it signs with our current key.
    client_id = models.CharField(max_length=300, blank=True)
    algorithm = models.CharField(max_length=8, blank=True, choices=SigningKey.Algorithm.choices)
    level = models.CharField(max_length=8, choices=Level.choices, default=Level.PATIENT)
    group_id = models.CharField(max_length=ID_LENGTH, blank=True)
    # Empty: all types, and all of each.
    types = ArrayField(models.CharField(max_length=64), default=list, blank=True)
    type_filters = ArrayField(models.CharField(max_length=1000), default=list, blank=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.ACTIVE)
    # The server's clock at its last whole export: the next asks for what changed after it.
    since = models.DateTimeField(null=True, blank=True)
    # Empty: an export when somebody asks.
    every_hours = models.PositiveSmallIntegerField(null=True, blank=True)
    next_export_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["portal", "level", "group_id"], name="systemconnection_once"),
            models.CheckConstraint(
                condition=models.Q(kind="portal", portal__isnull=False)
                | models.Q(kind="files", portal__isnull=True),
                name="systemconnection_portal_fits_kind",
            ),
            models.CheckConstraint(
                condition=(models.Q(level="group") & ~models.Q(group_id=""))
                | (~models.Q(level="group") & models.Q(group_id="")),
                name="systemconnection_group_fits_level",
            ),
        ]

    def __str__(self) -> str:
        return f"SystemConnection {self.pk}"


class ExportDue(models.Model):
    """When a connection wants a worker next: ids and times only, which the scheduler reads without a desk."""

    connection_id = models.UUIDField(primary_key=True)
    due_at = models.DateTimeField(null=True)
    leased_until = models.DateTimeField(null=True)
    fence = models.BigIntegerField(default=0)
    rung_at = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["due_at"], name="exportdue_first")]

    def __str__(self) -> str:
        return f"ExportDue {self.connection_id}"


class Export(models.Model):
    """One export: a job at a server, or a set of files."""

    class State(models.TextChoices):
        QUEUED = "queued", _("waiting")
        ASKED = "asked", _("being prepared there")
        FETCHING = "fetching", _("being fetched")
        COMPLETE = "complete", _("complete")
        PARTIAL = "partial", _("partly")
        FAILED = "failed", _("failed")

    class Trigger(models.TextChoices):
        SCHEDULE = "schedule", _("on schedule")
        OPERATOR = "operator", _("by the operator")
        FILES = "files", _("from files")

    # Not generated by the database: the addresses are sealed to it before the first save.
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    connection = models.ForeignKey(SystemConnection, on_delete=models.CASCADE, related_name="+")
    trigger = models.CharField(max_length=16, choices=Trigger.choices)
    state = models.CharField(max_length=16, choices=State.choices, default=State.QUEUED)
    # A code, said in words where it is shown.
    reason = models.CharField(max_length=64, blank=True)
    # What the server says of its progress, in its own words.
    progress = models.CharField(max_length=100, blank=True)
    # Whoever holds it may read the export.
    status_url = models.BinaryField(null=True, editable=False)
    since = models.DateTimeField(null=True)
    transaction_time = models.DateTimeField(null=True)
    requires_token = models.BooleanField(default=True)
    # How often it was begun anew because the server had forgotten it.
    restarts = models.PositiveSmallIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    requests = models.PositiveIntegerField(default=0)
    # Errors that the server itself reports about what it exported.
    problems = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["connection"],
                condition=models.Q(state__in=["queued", "asked", "fetching"]),
                name="export_one_open",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["queued", "asked", "fetching"], finished_at__isnull=True)
                | models.Q(state__in=["complete", "partial", "failed"], finished_at__isnull=False),
                name="export_finished_when_over",
            ),
        ]
        indexes = [models.Index(fields=["connection", "-created_at"], name="export_latest")]

    def __str__(self) -> str:
        return f"Export {self.pk} ({self.state})"


class ExportFile(models.Model):
    """One file of an export, and how far it has been read."""

    class Kind(models.TextChoices):
        OUTPUT = "output", _("records")
        DELETED = "deleted", _("deletions")
        ERROR = "error", _("problems")

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        RUNNING = "running", _("running")
        COMPLETE = "complete", _("complete")
        PARTIAL = "partial", _("partly")
        FAILED = "failed", _("failed")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    export = models.ForeignKey(Export, on_delete=models.CASCADE, related_name="+")
    ordinal = models.PositiveIntegerField()
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.OUTPUT)
    resource_type = models.CharField(max_length=64, blank=True)
    url = models.BinaryField(null=True, editable=False)
    # Of a file on this machine: its name, and its size when it was first opened.
    name = models.CharField(max_length=300, blank=True)
    size = models.BigIntegerField(null=True)
    state = models.CharField(max_length=16, choices=State.choices, default=State.WAITING)
    reason = models.CharField(max_length=64, blank=True)
    etag = models.CharField(max_length=300, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    # The server's own count of lines, where it gave one.
    claimed = models.PositiveIntegerField(null=True)
    # What is committed: bytes of the file as it is without packing, and lines.
    offset = models.BigIntegerField(default=0)
    lines = models.PositiveIntegerField(default=0)
    created = models.PositiveIntegerField(default=0)
    updated = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    # Waiting for a person; of nobody or shared by many; not wanted; unreadable.
    landed = models.PositiveIntegerField(default=0)
    shared = models.PositiveIntegerField(default=0)
    declined = models.PositiveIntegerField(default=0)
    set_aside = models.PositiveIntegerField(default=0)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["export", "ordinal"], name="exportfile_once")]

    def __str__(self) -> str:
        return f"ExportFile {self.ordinal} {self.resource_type} ({self.state})"


class ExportedPatient(models.Model):
    """Somebody whom exports of a connection speak of, and whose record here that is: nobody's, until it is said."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        MAPPED = "mapped", _("mapped")
        # Nothing of them is kept but their id, and digests of their numbers: what names several people must not become
        # another's because one is not wanted.
        IGNORED = "ignored", _("not wanted")

    # Not generated by the database: what is shown of them is sealed to it.
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    connection = models.ForeignKey(SystemConnection, on_delete=models.CASCADE, related_name="+")
    fhir_id = models.CharField(max_length=ID_LENGTH)
    # Name, birth date, sex and record number, to know them by: JSON, sealed.
    facts = models.BinaryField(null=True, editable=False)
    # Keyed digests of their identifiers, for references that name one of them.
    identifiers = ArrayField(models.CharField(max_length=64), default=list)
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    # Empty while mapped: the person was erased, and nothing more is kept of this patient.
    person = models.ForeignKey(
        Person, null=True, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False
    )
    source_id = models.UUIDField(null=True)
    mapped_at = models.DateTimeField(null=True)
    mapped_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
    )
    # Something of theirs has yet to be moved, completed with what it refers to, or shown on the timeline.
    settle_due = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "fhir_id"], name="exportedpatient_once"),
            models.CheckConstraint(
                condition=models.Q(state="mapped") | models.Q(person__isnull=True),
                name="exportedpatient_person_when_mapped",
            ),
        ]
        indexes = [models.Index(fields=["person"], name="exportedpatient_of_person")]

    def __str__(self) -> str:
        return f"ExportedPatient {self.pk} ({self.state})"


class Landed(models.Model):
    """One resource of an export: its key and digest, and its content for as long as it waits here."""

    class Role(models.TextChoices):
        # Of one patient; who is known, or found once what it names has come.
        OWNED = "owned", _("of a patient")
        # Of no patient: completes the records of those who refer to it.
        SHARED = "shared", _("shared")
        # Of several patients, or of nobody that could be told: it waits.
        UNCLEAR = "unclear", _("unclear")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    connection = models.ForeignKey(SystemConnection, on_delete=models.CASCADE, related_name="+")
    patient = models.ForeignKey(ExportedPatient, null=True, on_delete=models.CASCADE, related_name="+")
    role = models.CharField(max_length=8, choices=Role.choices)
    resource_type = models.CharField(max_length=64)
    fhir_id = models.CharField(max_length=ID_LENGTH)
    raw_digest = models.BinaryField()
    # Empty once it stands in a person's record.
    body = models.BinaryField(null=True, editable=False)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "resource_type", "fhir_id"], name="landed_key")
        ]
        indexes = [
            models.Index(
                fields=["patient", "id"], condition=models.Q(body__isnull=False), name="landed_waiting"
            )
        ]

    def __str__(self) -> str:
        return f"Landed {self.pk} ({self.resource_type})"


class LandedName(models.Model):
    """What a landed resource may be called by (`is`), or whose owner is its owner too (`about`, `owner`)."""

    class Meaning(models.TextChoices):
        IS = "is", _("is called")
        ABOUT = "about", _("speaks of")
        OWNER = "owner", _("is of who carries")

    landed = models.ForeignKey(Landed, on_delete=models.CASCADE, related_name="+")
    connection = models.ForeignKey(SystemConnection, on_delete=models.CASCADE, related_name="+")
    meaning = models.CharField(max_length=8, choices=Meaning.choices)
    name = models.CharField(max_length=600)

    class Meta:
        indexes = [models.Index(fields=["connection", "meaning", "name"], name="landedname_find")]

    def __str__(self) -> str:
        return f"LandedName #{self.pk} ({self.meaning})"


class Wanted(models.Model):
    """What the records of a mapped patient refer to, and which state of it they were given."""

    patient = models.ForeignKey(ExportedPatient, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=600)
    # Of what was delivered for it; empty while nothing was.
    raw_digest = models.BinaryField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["patient", "name"], name="wanted_once")]
        # landing: who refers to what has just come, or come anew.
        indexes = [models.Index(fields=["name"], name="wanted_by_whom")]

    def __str__(self) -> str:
        return f"Wanted #{self.pk}"


class SetAside(models.Model):
    """One line of an export that could not be read, sealed, with the reason."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    connection = models.ForeignKey(SystemConnection, on_delete=models.CASCADE, related_name="+")
    file = models.ForeignKey(ExportFile, null=True, on_delete=models.SET_NULL, related_name="+")
    line = models.PositiveIntegerField()
    resource_type = models.CharField(max_length=64, blank=True)
    reason = models.CharField(max_length=64)
    size = models.BigIntegerField()
    digest = models.BinaryField()
    # Of a line that is longer than any resource may be, the beginning.
    raw = models.BinaryField(editable=False)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "digest"], name="setaside_once")]

    def __str__(self) -> str:
        return f"SetAside {self.pk} ({self.reason})"
