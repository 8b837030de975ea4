import django.db.models.deletion
from django.db import migrations, models

from phr.core import policies


class Migration(migrations.Migration):
    """How far each type was read, so that the next run may ask for changes alone."""

    dependencies = [
        ("accounts", "0002_walls"),
        ("sources", "0002_walls"),
        ("sync", "0002_walls"),
    ]

    operations = [
        migrations.CreateModel(
            name="Crawl",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "person_id",
                        "source_id",
                        "resource_type",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="accounts.person",
                    ),
                ),
                (
                    "source",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="sources.source",
                    ),
                ),
                ("resource_type", models.CharField(max_length=64)),
                ("instant", models.CharField(max_length=40)),
                ("full_at", models.DateTimeField()),
                ("basis", models.BinaryField()),
                ("with_status", models.BooleanField(default=False)),
                ("whole", models.BooleanField(default=False)),
            ],
        ),
        migrations.AddField(
            model_name="step",
            name="basis",
            field=models.BinaryField(null=True),
        ),
        migrations.AddField(
            model_name="step",
            name="checkpoint_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="step",
            name="instant",
            field=models.CharField(blank=True, max_length=40),
        ),
        migrations.AddField(
            model_name="step",
            name="mode",
            field=models.CharField(
                choices=[("full", "everything"), ("changes", "changes only")], default="full", max_length=8
            ),
        ),
        migrations.AddField(
            model_name="step",
            name="note",
            field=models.CharField(blank=True, max_length=16),
        ),
        migrations.AddField(
            model_name="step",
            name="reworded",
            field=models.CharField(
                blank=True,
                choices=[
                    ("status", "with every status named"),
                    ("whole", "without asking for changes alone"),
                ],
                max_length=8,
            ),
        ),
        migrations.AlterField(
            model_name="step",
            name="kind",
            field=models.CharField(
                choices=[
                    ("read", "read"),
                    ("search", "search"),
                    ("everything", "everything at once"),
                    ("references", "references"),
                    ("attachments", "attachments"),
                ],
                default="search",
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="step",
            name="query",
            field=models.CharField(blank=True, max_length=2000),
        ),
        migrations.AddConstraint(
            model_name="step",
            constraint=models.CheckConstraint(
                condition=models.Q(("mode__in", ["full", "changes"])), name="step_mode_known"
            ),
        ),
        policies.wall("sync_crawl"),
        policies.belongs("sync_crawl", "source_id", "sources_source"),
    ]
