"""What the resources say, and which of it is the same.

Foreign keys are composite with the person and written in the migration, as those of records.models.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from phr.accounts.models import Person
from phr.sources.models import Source


class Event(models.Model):
    """One thing that one resource says."""

    pk = models.CompositePrimaryKey("person_id", "id")
    person = models.ForeignKey(
        Person, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    id = models.BigIntegerField()  # identity of the database, see the first migration
    source = models.ForeignKey(
        Source, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    resource_id = models.BigIntegerField()
    resource_type = models.CharField(max_length=64)
    fhir_id = models.CharField(max_length=200)
    ordinal = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=24)
    # Empty, or the name under which it is left out of the timeline (entered-in-error, refuted, supporting).
    exclusion = models.CharField(max_length=32, blank=True)
    visit_ref = models.CharField(max_length=280, blank=True)
    data = models.JSONField()
    fact_id = models.UUIDField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["person", "resource_id", "ordinal"], name="event_once"),
        ]
        indexes = [
            # queries.fact: the members of a fact.
            models.Index(fields=["person", "fact_id"], name="event_of_fact"),
            # project.visits: a visit's reference, and the encounter it names.
            models.Index(
                fields=["person", "source", "visit_ref"],
                condition=~models.Q(visit_ref=""),
                name="event_visit_ref",
            ),
            models.Index(fields=["person", "source", "resource_type", "fhir_id"], name="event_natural_key"),
        ]

    def __str__(self) -> str:
        return f"Event #{self.id} ({self.kind})"


class EventKey(models.Model):
    """A block that an event stands in: only events joined through blocks can be one fact."""

    pk = models.CompositePrimaryKey("person_id", "key", "event_id")
    person = models.ForeignKey(
        Person, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    key = models.BigIntegerField()
    event_id = models.BigIntegerField()

    class Meta:
        indexes = [
            # project.keys_of: what to remove when an event changes.
            models.Index(fields=["person", "event_id"], name="eventkey_of_event"),
        ]

    def __str__(self) -> str:
        return f"EventKey {self.key}"


class EventReference(models.Model):
    """Another resource of the same source that an event names: a result, a report, a practitioner."""

    pk = models.CompositePrimaryKey("person_id", "event_id", "target")
    person = models.ForeignKey(
        Person, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    event_id = models.BigIntegerField()
    source_id = models.UUIDField()
    target = models.CharField(max_length=280)

    class Meta:
        indexes = [
            # project.waiting_for, queries.fact: who names this one.
            models.Index(fields=["person", "source_id", "target"], name="eventreference_target"),
        ]

    def __str__(self) -> str:
        return f"EventReference of Event #{self.event_id}"


class Fact(models.Model):
    """One real-world thing that one or more events describe: a line of the timeline."""

    pk = models.CompositePrimaryKey("person_id", "id")
    person = models.ForeignKey(
        Person, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    id = models.UUIDField()
    kind = models.CharField(max_length=24)
    # Where it stands on the timeline; the first day of year 1 for what has no date.
    sort_at = models.DateTimeField()
    date_text = models.CharField(max_length=40, blank=True)
    precision = models.CharField(max_length=8)
    year = models.SmallIntegerField(null=True)
    title = models.TextField()
    detail = models.TextField(blank=True)
    value = models.TextField(blank=True)
    unit = models.CharField(max_length=100, blank=True)
    flag = models.CharField(max_length=16, blank=True)
    flag_text = models.TextField(blank=True)
    status = models.CharField(max_length=32, blank=True)
    sources = ArrayField(models.UUIDField())
    members = models.PositiveIntegerField()
    rule = models.CharField(max_length=32, blank=True)
    evidence = models.JSONField(default=list)
    conflicts = models.JSONField(default=list)
    # The visit it belongs to: such a fact stands inside that visit's card, not on a line of its own.
    visit_id = models.UUIDField(null=True)

    class Meta:
        indexes = [
            # queries.timeline: one keyset-paged scan over the top-level rows.
            models.Index(
                fields=["person", "-sort_at", "-id"], condition=models.Q(visit_id=None), name="fact_timeline"
            ),
            # queries.timeline, filtered: every line, whether it stands in a visit or not.
            models.Index(fields=["person", "-sort_at", "-id"], name="fact_lines"),
            # The same of one kind; with what the page counts by, so that its numbers need this index alone.
            models.Index(
                fields=["person", "kind", "-sort_at", "-id"],
                include=["year", "sources", "visit_id"],
                name="fact_by_kind",
            ),
            # queries.visit: what belongs to a visit.
            models.Index(
                fields=["person", "visit_id", "-sort_at", "-id"],
                condition=models.Q(visit_id__isnull=False),
                name="fact_of_visit",
            ),
        ]

    def __str__(self) -> str:
        return f"Fact {self.id} ({self.kind})"


class FactRedirect(models.Model):
    """The id that a fact had before it was absorbed into another."""

    pk = models.CompositePrimaryKey("person_id", "old_id")
    person = models.ForeignKey(
        Person, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    old_id = models.UUIDField()
    fact_id = models.UUIDField()

    def __str__(self) -> str:
        return f"FactRedirect {self.old_id}"
