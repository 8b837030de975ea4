from django.db import migrations

from phr.core import policies

_KEYS = (
    ("exchange_exportedpatient", "person_id", "accounts_person"),
    ("exchange_exportedpatient", "mapped_by_id", "accounts_user"),
)


class Migration(migrations.Migration):
    """What lies in an export is seen at the operator's desk alone, and there the names of whom to map it to.

    `exchange_systemconnection` and `exchange_exportdue` have no policy: they hold the operator's own settings, ids and
    times.
    """

    dependencies = [
        ("exchange", "0001_first"),
        ("accounts", "0002_walls"),
        ("sources", "0006_export_sources"),
    ]
    operations = [
        policies.DESK,
        *[
            policies.desk(f"exchange_{table}")
            for table in (
                "export",
                "exportfile",
                "exportedpatient",
                "landed",
                "landedname",
                "wanted",
                "setaside",
            )
        ],
        migrations.RunSQL(
            sql="CREATE POLICY desk ON accounts_person FOR SELECT USING (phr_operating())",
            reverse_sql="DROP POLICY desk ON accounts_person",
        ),
        *[
            migrations.RunSQL(
                sql=f"ALTER TABLE {table} ADD CONSTRAINT {table}_{column} FOREIGN KEY ({column})"
                f" REFERENCES {parent} (id) ON DELETE SET NULL",
                reverse_sql=f"ALTER TABLE {table} DROP CONSTRAINT {table}_{column}",
            )
            for table, column, parent in _KEYS
        ],
        migrations.RunSQL(
            sql="ALTER TABLE exchange_exportdue ADD CONSTRAINT exportdue_connection FOREIGN KEY (connection_id)"
            " REFERENCES exchange_systemconnection (id) ON DELETE CASCADE",
            reverse_sql="ALTER TABLE exchange_exportdue DROP CONSTRAINT exportdue_connection",
        ),
    ]
