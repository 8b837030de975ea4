"""FHIR JSON as the portals sent it, and what came with it.

Foreign keys of these tables are written in the migration, composite with the person and cascading in the database:
no row can point across persons, and erasing a source needs no walk in Python.
"""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from phr.accounts.models import Person
from phr.core.ids import uuid7
from phr.sources.models import Source

_TYPE_LENGTH = 64
ID_LENGTH = 200  # the specification says 64; servers say otherwise
# Marks of the portal's own: what is longer is cut here, and stands whole in the body.
VERSION_LENGTH, UPDATED_LENGTH = 200, 64


class Resource(models.Model):
    """FHIR JSON as a portal sent it, as it stands now. Written by records.store alone."""

    # The person leads the key, so that the table can be partitioned by person (docs/design-notes.md).
    pk = models.CompositePrimaryKey("person_id", "id")
    person = models.ForeignKey(
        Person, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    id = models.BigIntegerField()  # identity of the database, see the first migration
    source = models.ForeignKey(
        Source, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    resource_type = models.CharField(max_length=_TYPE_LENGTH)
    fhir_id = models.CharField(max_length=ID_LENGTH)
    version_id = models.CharField(max_length=VERSION_LENGTH, blank=True)
    last_updated = models.CharField(max_length=UPDATED_LENGTH, blank=True)
    number = models.PositiveIntegerField(default=1)
    raw_digest = models.BinaryField()
    # Of the content, made when the bytes differ for the first time (records.store).
    digest = models.BinaryField(null=True)
    body = models.JSONField()
    # The bytes themselves, where jsonb would alter them (exponents, duplicate keys).
    raw = models.BinaryField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    changed_at = models.DateTimeField(default=timezone.now)
    # When the portal stopped showing it; what we hold stays.
    gone_at = models.DateTimeField(null=True)
    projection_due = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["person", "source", "resource_type", "fhir_id"], name="resource_natural_key"
            ),
        ]
        indexes = [
            # project.due: what waits to be read into events.
            models.Index(
                fields=["person", "id"],
                condition=models.Q(projection_due=True),
                name="resource_projection_due",
            ),
        ]

    def __str__(self) -> str:
        return f"Resource #{self.id} ({self.resource_type})"


class Version(models.Model):
    """What a resource said before it said what it says now. Append-only."""

    pk = models.CompositePrimaryKey("person_id", "resource_id", "number")
    person = models.ForeignKey(
        Person, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    resource_id = models.BigIntegerField()
    number = models.PositiveIntegerField()
    version_id = models.CharField(max_length=VERSION_LENGTH, blank=True)
    last_updated = models.CharField(max_length=UPDATED_LENGTH, blank=True)
    raw_digest = models.BinaryField()
    digest = models.BinaryField(null=True)
    # Empty when only `meta` moved: the body is that of the version after it.
    body = models.JSONField(null=True)
    raw = models.BinaryField(null=True)
    changed_at = models.DateTimeField()
    replaced_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"Version {self.number} of Resource #{self.resource_id}"


class Attachment(models.Model):
    """Bytes that a resource points at, fetched separately."""

    class State(models.TextChoices):
        STORED = "stored", _("stored")
        REFUSED = "refused", _("refused")
        FAILED = "failed", _("failed")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    person = models.ForeignKey(
        Person, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    source = models.ForeignKey(
        Source, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    # Where it came from, as the resource spells it.
    url = models.CharField(max_length=1000)
    content_type = models.CharField(max_length=200, blank=True)
    digest = models.BinaryField(null=True)
    size = models.PositiveBigIntegerField(default=0)
    body = models.BinaryField(null=True, editable=False)
    state = models.CharField(max_length=16, choices=State.choices)
    reason = models.CharField(max_length=64, blank=True)
    fetched_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["person", "source", "url"], name="attachment_once"),
        ]

    def __str__(self) -> str:
        return f"Attachment {self.pk}"


class Quarantine(models.Model):
    """One resource that could not be stored, with its bytes and the reason; it waits for a replay."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    person = models.ForeignKey(
        Person, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    source = models.ForeignKey(
        Source, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    resource_type = models.CharField(max_length=_TYPE_LENGTH)
    reason = models.CharField(max_length=64)
    digest = models.BinaryField()
    raw = models.BinaryField()
    at = models.DateTimeField(default=timezone.now)
    resolved_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["person", "source", "digest"], name="quarantine_once"),
        ]

    def __str__(self) -> str:
        return f"Quarantine {self.pk} ({self.reason})"
