from django.db import migrations

from phr.core import policies


class Migration(migrations.Migration):
    """`sync_due` has no policy: it holds ids and times, and the scheduler reads it for everybody."""

    dependencies = [("sync", "0001_first"), ("sources", "0002_walls")]
    operations = [
        policies.wall("sync_run"),
        policies.wall("sync_step"),
        policies.belongs("sync_run", "source_id", "sources_source"),
        policies.belongs("sync_step", "run_id", "sync_run"),
        migrations.RunSQL(
            sql="ALTER TABLE sync_due ADD CONSTRAINT sync_due_source FOREIGN KEY (person_id, source_id)"
            " REFERENCES sources_source (person_id, id) ON DELETE CASCADE",
            reverse_sql="ALTER TABLE sync_due DROP CONSTRAINT sync_due_source",
        ),
    ]
