from django.db import migrations

from phr.core import policies


class Migration(migrations.Migration):
    dependencies = [("sources", "0001_first"), ("accounts", "0002_walls")]
    operations = [
        policies.wall("sources_source"),
        policies.wall("sources_grant"),
        policies.wall("sources_grantreply"),
        policies.wall(
            "sources_connectattempt",
            "user_id = phr_user() AND (phr_person() IS NULL OR person_id = phr_person())",
        ),
        policies.belongs("sources_grant", "source_id", "sources_source"),
        policies.belongs("sources_grantreply", "grant_id", "sources_grant"),
    ]
