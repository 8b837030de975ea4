from django.db import migrations

from phr.core import policies


class Migration(migrations.Migration):
    dependencies = [("records", "0001_first"), ("sources", "0002_walls")]
    operations = [
        policies.identity("records_resource"),
        *[
            operation
            for table in ("records_resource", "records_attachment", "records_quarantine")
            for operation in (policies.wall(table), policies.belongs(table, "source_id", "sources_source"))
        ],
        policies.wall("records_version"),
        policies.belongs("records_version", "resource_id", "records_resource"),
    ]
