from django.db import migrations, models

# What says more than a path of the portals that are there: the vendor that was given with a list, and the list that
# ships. The rest shows when a list is read again, so none passes for unchanged.
_KNOWN = """
UPDATE sources_portal p SET vendor_sure = true
WHERE p.profile_id <> 'generic' AND EXISTS (
    SELECT FROM sources_brand b JOIN sources_listedbrand l ON l.brand_id = b.id
    JOIN sources_endpointlist e ON e.id = l.list_id
    WHERE b.portal_id = p.id AND (e.vendor = p.profile_id OR e.name = 'shipped with phr')
)
"""
_READ_AGAIN = "UPDATE sources_endpointlist SET digest = NULL, etag = '', last_modified = ''"


class Migration(migrations.Migration):
    dependencies = [
        ("sources", "0007_lists_and_crowds"),
    ]

    operations = [
        migrations.AddField(
            model_name="portal",
            name="vendor_sure",
            field=models.BooleanField(default=False, editable=False),
        ),
        migrations.RunSQL(_KNOWN, migrations.RunSQL.noop),
        migrations.RunSQL(_READ_AGAIN, migrations.RunSQL.noop),
    ]
