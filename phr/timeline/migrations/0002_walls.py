from django.db import migrations

from phr.core import policies


class Migration(migrations.Migration):
    dependencies = [("timeline", "0001_first"), ("records", "0002_walls")]
    operations = [
        policies.identity("timeline_event"),
        *[
            policies.wall(table)
            for table in (
                "timeline_event",
                "timeline_eventkey",
                "timeline_eventreference",
                "timeline_fact",
                "timeline_factredirect",
            )
        ],
        policies.belongs("timeline_event", "resource_id", "records_resource"),
        policies.belongs("timeline_eventkey", "event_id", "timeline_event"),
        policies.belongs("timeline_eventreference", "event_id", "timeline_event"),
        *[
            migrations.RunSQL(
                sql=f"ALTER TABLE {table} ADD CONSTRAINT {table}_of_person"
                " FOREIGN KEY (person_id) REFERENCES accounts_person (id) ON DELETE CASCADE",
                reverse_sql=f"ALTER TABLE {table} DROP CONSTRAINT {table}_of_person",
            )
            for table in ("timeline_fact", "timeline_factredirect")
        ],
    ]
