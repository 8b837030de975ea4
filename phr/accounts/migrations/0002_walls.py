from django.db import migrations

from phr.core import policies


class Migration(migrations.Migration):
    """Row level security: with a tenant, that person alone; without one, whom the user may choose from."""

    dependencies = [("accounts", "0001_first")]
    operations = [
        policies.FUNCTIONS,
        policies.wall(
            "accounts_access",
            "person_id = phr_person() OR (phr_person() IS NULL AND user_id = phr_user())",
            # Who a user is says what they may open, and not what they may open from now on.
            writes="person_id = phr_person()",
        ),
        policies.wall(
            "accounts_person",
            "id = phr_person() OR (phr_person() IS NULL AND EXISTS (SELECT FROM accounts_access AS a"
            " WHERE a.person_id = accounts_person.id AND a.user_id = phr_user()"
            " AND (a.until_at IS NULL OR a.until_at > now())))",
            writes="id = phr_person()",
        ),
    ]
