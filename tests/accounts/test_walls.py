"""Row level security, as the application's role sees it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction

from phr.accounts import access, desk
from phr.accounts.models import Access, Person, User
from phr.core import roles
from phr.core.tenant import tenant
from phr.exchange.models import ExportedPatient, SystemConnection
from phr.sources.models import Source

NOW = datetime(2126, 11, 23, 12, 0, tzinfo=UTC)  # the policies ask the real clock too

# Tables that hold nothing of a person's health; each says why. docs/tables.md carries the same words.
UNWALLED = {
    "account_emailaddress": "the sign-in addresses of users, not of the people whose record it is",
    "account_emailconfirmation": "likewise",
    "accounts_user": "who signs in",
    "accounts_user_groups": "likewise",
    "accounts_user_user_permissions": "likewise",
    "auth_group": "Django's",
    "auth_group_permissions": "Django's",
    "auth_permission": "Django's",
    "django_admin_log": "the operator's changes to directory and registrations",
    "django_content_type": "Django's",
    "django_migrations": "Django's; the application reads it alone",
    "django_session": "opaque session rows, found by a secret key",
    "mfa_authenticator": "second factors of users",
    "sources_brand": "the directory: public facts",
    "sources_brandword": "likewise: the words of its names",
    "sources_endpointlist": "likewise: the published lists that it was read from",
    "sources_listedbrand": "likewise: which list names whom",
    "sources_portal": "likewise, and the addresses that users typed, without saying who",
    "sources_registration": "the operator's client ids",
    "sources_signingkey": "the installation's key pairs, the private halves sealed",
    "sync_due": "ids and times, for the scheduler",
    "exchange_systemconnection": "the operator's settings for exports: no patient's",
    "exchange_exportdue": "ids and times, for the scheduler",
}


def test_every_table_is_walled_or_says_why_not(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, relrowsecurity AND relforcerowsecurity FROM pg_class"
            " WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
        )
        walled = dict(cursor.fetchall())
    assert {name for name, forced in walled.items() if not forced} == set(UNWALLED)


def test_every_table_with_a_person_leads_an_index_with_them(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'person_id'
               WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND c.relrowsecurity
               AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indkey[0] = a.attnum)"""
        )
        assert cursor.fetchall() == []


def test_the_application_role_owns_nothing_and_is_no_superuser(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_user, session_user, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"
        )
        assert cursor.fetchone() == (roles.APP, roles.APP, False, False)
        cursor.execute("SELECT count(*) FROM pg_class WHERE relowner = current_user::regrole")
        assert cursor.fetchone() == (0,)


def test_no_row_is_seen_without_a_tenant(sight: access.Sight) -> None:
    assert not Person.objects.exists()
    assert not Access.objects.exists()
    with sight.open():
        assert Person.objects.get().pk == sight.person_id
    assert not Person.objects.exists()


def test_a_tenant_does_not_outlive_its_block_when_that_raises(sight: access.Sight) -> None:
    with pytest.raises(RuntimeError), sight.open():
        raise RuntimeError
    assert not Person.objects.exists()


def test_two_people_of_one_user_never_mix(owner: User, sight: access.Sight) -> None:
    child = access.create_person(user=owner, name="Ana Marin")
    with sight.open():
        assert [person.name for person in Person.objects.all()] == ["Rosa Marin"]
        with child.open():
            assert [person.name for person in Person.objects.all()] == ["Ana Marin"]
        assert [person.name for person in Person.objects.all()] == ["Rosa Marin"]


def test_a_row_cannot_be_written_into_another_record(owner: User, sight: access.Sight) -> None:
    child = access.create_person(user=owner, name="Ana Marin")
    with pytest.raises(ProgrammingError, match="row-level security"), sight.open(), transaction.atomic():
        Source.objects.create(
            person_id=child.person_id,
            kind="file",
            profile_id="generic",
            name="x",
            base_url="x",
            patient_fhir_id="x",
        )


def test_a_foreign_key_cannot_cross_people(owner: User, sight: access.Sight) -> None:
    child = access.create_person(user=owner, name="Ana Marin")
    with sight.open():
        source = Source.objects.create(
            person_id=sight.person_id,
            kind="file",
            profile_id="generic",
            name="x",
            base_url="x",
            patient_fhir_id="x",
        )
    with pytest.raises(IntegrityError), child.open(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO records_resource (person_id, source_id, resource_type, fhir_id, version_id, last_updated,"
            " number, raw_digest, digest, body, created_at, changed_at, projection_due)"
            " VALUES (%s, %s, 'Patient', '1', '', '', 1, '', '', '{}', now(), now(), true)",
            [child.person_id, source.pk],
        )


def test_a_stranger_sees_nobody(stranger: User, sight: access.Sight) -> None:
    assert access.people_of(user=stranger, now=NOW) == []
    with pytest.raises(access.NotVisible):
        access.person_for(user=stranger, person_id=sight.person_id, now=NOW)


def test_a_viewer_reads_until_the_hour_and_not_a_second_longer(
    sight: access.Sight, make_user: Callable[..., User]
) -> None:
    viewer = make_user("viewer@example.org")
    with sight.open():
        Access.objects.create(user=viewer, person_id=sight.person_id, role="viewer", until_at=NOW)
    before = NOW - timedelta(seconds=1)
    assert access.person_for(user=viewer, person_id=sight.person_id, now=before).role == "viewer"
    with pytest.raises(access.NotVisible):
        access.person_for(user=viewer, person_id=sight.person_id, now=NOW)


def test_a_viewer_may_not_what_an_owner_may(sight: access.Sight, make_user: Callable[..., User]) -> None:
    viewer = make_user("viewer@example.org")
    with sight.open():
        Access.objects.create(user=viewer, person_id=sight.person_id, role="viewer")
    with pytest.raises(access.NotVisible):
        access.person_for(user=viewer, person_id=sight.person_id, needs=access.Role.CAREGIVER, now=NOW)


def test_what_is_append_only_is_so_by_privilege(db: None) -> None:
    for table in roles.APPEND_ONLY:
        for privilege in ("UPDATE", "DELETE", "TRUNCATE"):
            with connection.cursor() as cursor:
                cursor.execute("SELECT has_table_privilege(current_user, %s, %s)", [table, privilege])
                assert cursor.fetchone() == (False,), (table, privilege)


def test_a_user_alone_chooses_among_their_own(owner: User, stranger: User, sight: access.Sight) -> None:
    access.create_person(user=stranger, name="Somebody Else")
    with tenant(user_id=owner.pk):
        assert [person.name for person in Person.objects.all()] == ["Rosa Marin"]


def test_nobody_grants_themselves_a_record(stranger: User, sight: access.Sight) -> None:
    with (
        pytest.raises(ProgrammingError, match="row-level security"),
        tenant(user_id=stranger.pk),
        transaction.atomic(),
    ):
        Access.objects.create(user=stranger, person_id=sight.person_id, role="owner")


def test_what_lies_at_the_desk_is_seen_by_no_tenant(owner: User, sight: access.Sight) -> None:
    connection_row = SystemConnection.objects.create(
        kind="files", name="A hospital", profile_id="generic", base_url="urn:uuid:x"
    )
    with desk.for_errand().open():
        ExportedPatient.objects.create(connection=connection_row, fhir_id="rosa")
    assert not ExportedPatient.objects.exists()
    with sight.open():
        assert not ExportedPatient.objects.exists()
    with pytest.raises(ProgrammingError, match="row-level security"), sight.open(), transaction.atomic():
        ExportedPatient.objects.create(connection=connection_row, fhir_id="ana")
    with tenant(user_id=owner.pk):
        assert not ExportedPatient.objects.exists()


def test_a_desk_is_for_staff_and_opens_no_record(
    owner: User, sight: access.Sight, make_user: Callable[..., User]
) -> None:
    with pytest.raises(access.NotVisible):
        desk.desk_of(user=owner)
    with pytest.raises(access.NotVisible):
        desk.desk_of(user=make_user("gone@example.org", is_staff=True, is_active=False))
    with sight.open():
        Source.objects.create(
            person_id=sight.person_id,
            kind="file",
            profile_id="generic",
            name="x",
            base_url="x",
            patient_fhir_id="x",
        )
    staff = desk.desk_of(user=make_user("staff@example.org", is_staff=True))
    with staff.open():
        assert [person.name for person in desk.everybody(desk=staff)] == ["Rosa Marin"]
        assert not Source.objects.exists()
        assert not Access.objects.exists()
        assert Person.objects.update(name="Somebody else") == 0, "it reads names, and writes none"
    with pytest.raises(access.NotVisible):
        desk.everybody(desk=staff)
    assert not Person.objects.exists()


def test_a_desk_does_not_outlive_its_block_when_that_raises(sight: access.Sight) -> None:
    with pytest.raises(RuntimeError), desk.for_errand().open():
        raise RuntimeError
    assert not Person.objects.exists()
