"""A published list of endpoints into the directory: as fast as COPY, all or nothing, and the same twice.

A list names brands; a brand is a name at a portal. Lists know more or less of the same place: a row that says less
than one that is there is that one, and a row that says more completes it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from django.db import connection, transaction

from connectors.directory import GENERIC, Listing, Skipped
from connectors.directory.names import key_of, place_key, search_words
from phr.sources.models import EndpointList

NAME_MAX: Final = 300
PLACE_MAX: Final = 170
# So many rows of each reason are shown as an example.
EXAMPLES: Final = 3
# Two loads at once would each make the portals that the other is making.
_LOCK: Final = 7_041_777

_COLUMNS: Final = (
    "base_url text",
    "published_url text",
    "profile_id text",
    "told text",
    "sure boolean",
    "staff boolean",
    "fhir_version text",
    "portal_name_there text",
    "stands_for text",
    "name text",
    "name_key text",
    "place_key text",
    "city text",
    "state text",
    "postal_code text",
    "parent text",
    "logo_url text",
    "portal_name text",
    "portal_url text",
    "practice text",
    "words text[]",
)
_ARRIVING: Final = (
    f"CREATE TEMPORARY TABLE arriving (row integer, {', '.join(_COLUMNS)}, portal_id bigint, brand_id bigint)"
    " ON COMMIT DROP"
)

# One row for each portal, the first that names it; its name is that of the endpoint, or of the one brand there.
_PORTALS: Final = """
CREATE TEMPORARY TABLE arriving_portal ON COMMIT DROP AS
SELECT DISTINCT ON (base_url) base_url, published_url, profile_id, told, sure, fhir_version,
       CASE WHEN staff THEN 'staff' ELSE 'patients' END AS audience,
       CASE WHEN portal_name_there <> '' THEN portal_name_there
            WHEN min(name_key) OVER at_portal = max(name_key) OVER at_portal THEN name
            ELSE stands_for END AS name
FROM arriving WINDOW at_portal AS (PARTITION BY base_url) ORDER BY base_url, row
"""
# What an operator set stays, and what is sure goes before what the path of an address makes likely.
# What a user typed is found by everybody from now on, and is what the list says.
_PORTALS_SET_RIGHT: Final = """
WITH right_now AS (
    SELECT p.id,
           CASE WHEN p.published_url = '' OR (a.published_url LIKE '%%/' AND p.published_url NOT LIKE '%%/')
                THEN a.published_url ELSE p.published_url END AS published_url,
           CASE WHEN p.origin = 'operator' THEN p.profile_id
                WHEN a.told = 'given' OR a.told = 'address' AND (a.sure OR NOT p.vendor_sure)
                     OR p.profile_id = %(generic)s THEN a.profile_id
                ELSE p.profile_id END AS profile_id,
           a.profile_id AS said_id, a.sure AS said_sure,
           CASE WHEN p.origin = 'operator' THEN p.audience ELSE a.audience END AS audience,
           CASE WHEN p.origin = 'typed' THEN a.name ELSE p.name END AS name,
           CASE WHEN p.origin = 'typed' THEN 'directory' ELSE p.origin END AS origin,
           CASE WHEN a.fhir_version <> '' THEN a.fhir_version ELSE p.fhir_version END AS fhir_version
    FROM sources_portal p JOIN arriving_portal a USING (base_url)
)
UPDATE sources_portal p
SET published_url = r.published_url, profile_id = r.profile_id, audience = r.audience, name = r.name,
    origin = r.origin, fhir_version = r.fhir_version, unlisted_at = NULL, vendor_sure = r.vendor_sure
FROM (SELECT n.*, n.profile_id = n.said_id AND n.said_sure OR n.profile_id = was.profile_id AND was.vendor_sure
             AS vendor_sure
      FROM right_now n JOIN sources_portal was USING (id)) AS r
WHERE p.id = r.id AND (p.published_url, p.profile_id, p.audience, p.name, p.origin, p.fhir_version, p.unlisted_at,
                       p.vendor_sure)
      IS DISTINCT FROM (r.published_url, r.profile_id, r.audience, r.name, r.origin, r.fhir_version, NULL,
                        r.vendor_sure)
"""
_PORTALS_MADE: Final = """
INSERT INTO sources_portal (profile_id, vendor_sure, name, place, base_url, published_url, origin, audience,
                            fhir_version, brand_count, created_at)
SELECT profile_id, sure, name, '', base_url, published_url, 'directory', audience, fhir_version, 0, %(now)s
FROM arriving_portal a WHERE NOT EXISTS (SELECT FROM sources_portal p WHERE p.base_url = a.base_url)
"""
_AT_PORTALS: Final = """
UPDATE arriving a SET portal_id = p.id FROM sources_portal p WHERE p.base_url = a.base_url
"""

_SAME: Final = """
UPDATE arriving a SET brand_id = b.id FROM sources_brand b
WHERE b.portal_id = a.portal_id AND b.name_key = a.name_key AND b.place_key = a.place_key AND b.practice = a.practice
"""
# A row that says more than what is there: the same place, completed. Each completes one, and is completed by one.
_COMPLETED: Final = """
WITH poorer AS (
    SELECT DISTINCT ON (b.id) b.id, a.row
    FROM (SELECT DISTINCT ON (a.row) a.row, b.id AS brand_id
          FROM arriving a JOIN sources_brand b
            ON b.portal_id = a.portal_id AND b.name_key = a.name_key
           AND b.place_key IN ('', a.place_key) AND b.practice IN ('', a.practice)
          WHERE a.brand_id IS NULL
            AND NOT EXISTS (SELECT FROM arriving other WHERE other.brand_id = b.id)
          ORDER BY a.row, b.id) AS pair
    JOIN sources_brand b ON b.id = pair.brand_id JOIN arriving a ON a.row = pair.row
    ORDER BY b.id, a.row
)
UPDATE arriving a SET brand_id = poorer.id FROM poorer WHERE a.row = poorer.row
"""
_PLACED: Final = """
UPDATE sources_brand b SET place_key = a.place_key, practice = a.practice
FROM arriving a
WHERE a.brand_id = b.id AND (b.place_key, b.practice) IS DISTINCT FROM (a.place_key, a.practice)
"""
_MADE: Final = """
INSERT INTO sources_brand (portal_id, name, city, state, postal_code, parent, logo_url, portal_name, portal_url,
                           practice, name_key, place_key, words, created_at)
SELECT portal_id, name, city, state, postal_code, parent, logo_url, portal_name, portal_url, practice, name_key,
       place_key, CASE WHEN staff THEN ''::tsvector ELSE array_to_tsvector(words) END, %(now)s
FROM arriving a WHERE a.brand_id IS NULL AND (a.place_key <> '' OR a.practice <> '') = %(rich)s
ON CONFLICT DO NOTHING
"""
# A row that says less than what is there.
_LESS: Final = """
UPDATE arriving a SET brand_id = found.id
FROM (SELECT DISTINCT ON (a.row) a.row, b.id
      FROM arriving a JOIN sources_brand b ON b.portal_id = a.portal_id AND b.name_key = a.name_key
      WHERE a.brand_id IS NULL AND a.place_key = '' AND a.practice = ''
      ORDER BY a.row, (b.unlisted_at IS NOT NULL), b.id) AS found
WHERE a.row = found.row
"""
# Of a brand that other lists name too, or the operator, only what they leave open; of its own, everything.
_SET_RIGHT: Final = """
WITH said AS (
    SELECT DISTINCT ON (a.brand_id) a.*,
           p.origin = 'operator' OR EXISTS (
               SELECT FROM sources_listedbrand l WHERE l.brand_id = a.brand_id AND l.list_id <> %(list)s
           ) AS shared
    FROM arriving a JOIN sources_portal p ON p.id = a.portal_id
    WHERE a.brand_id <= %(before)s ORDER BY a.brand_id, (a.place_key = ''), a.row
), right_now AS (
    SELECT b.id, s.shared, s.words, s.staff,
           CASE WHEN s.shared OR s.name_key <> b.name_key THEN b.name ELSE s.name END AS name,
           CASE WHEN b.city = '' OR NOT s.shared AND s.city <> '' THEN s.city ELSE b.city END AS city,
           CASE WHEN b.state = '' OR NOT s.shared AND s.state <> '' THEN s.state ELSE b.state END AS state,
           CASE WHEN b.postal_code = '' OR NOT s.shared AND s.postal_code <> '' THEN s.postal_code
                ELSE b.postal_code END AS postal_code,
           CASE WHEN b.parent = '' OR NOT s.shared THEN s.parent ELSE b.parent END AS parent,
           CASE WHEN b.logo_url = '' OR NOT s.shared THEN s.logo_url ELSE b.logo_url END AS logo_url,
           CASE WHEN b.portal_name = '' OR NOT s.shared THEN s.portal_name ELSE b.portal_name END AS portal_name,
           CASE WHEN b.portal_url = '' OR NOT s.shared THEN s.portal_url ELSE b.portal_url END AS portal_url
    FROM sources_brand b JOIN said s ON s.brand_id = b.id
)
UPDATE sources_brand b
SET name = r.name, city = r.city, state = r.state, postal_code = r.postal_code, parent = r.parent,
    logo_url = r.logo_url, portal_name = r.portal_name, portal_url = r.portal_url, unlisted_at = NULL,
    words = CASE WHEN r.staff THEN ''::tsvector
                 WHEN r.shared THEN strip(b.words || array_to_tsvector(r.words))
                 ELSE array_to_tsvector(r.words) END
FROM right_now r
WHERE b.id = r.id AND (
    (b.name, b.city, b.state, b.postal_code, b.parent, b.logo_url, b.portal_name, b.portal_url, b.unlisted_at)
    IS DISTINCT FROM
    (r.name, r.city, r.state, r.postal_code, r.parent, r.logo_url, r.portal_name, r.portal_url, NULL)
    OR NOT r.shared AND NOT r.staff AND b.words <> array_to_tsvector(r.words))
"""
_LISTED: Final = """
INSERT INTO sources_listedbrand (list_id, brand_id)
SELECT DISTINCT %(list)s::bigint, brand_id FROM arriving WHERE brand_id IS NOT NULL ON CONFLICT DO NOTHING
"""
_DROPPED: Final = """
DELETE FROM sources_listedbrand l WHERE l.list_id = %(list)s
AND NOT EXISTS (SELECT FROM arriving a WHERE a.brand_id = l.brand_id) RETURNING brand_id
"""
_BRANDS_UNLISTED: Final = """
UPDATE sources_brand b SET unlisted_at = %(now)s, words = ''::tsvector
FROM sources_portal p
WHERE b.id = ANY(%(dropped)s) AND p.id = b.portal_id AND p.origin = 'directory' AND b.unlisted_at IS NULL
AND NOT EXISTS (SELECT FROM sources_listedbrand l WHERE l.brand_id = b.id)
"""
_COUNTED: Final = """
UPDATE sources_portal p SET brand_count = found.brands
FROM (SELECT portal_id, count(*) FILTER (WHERE unlisted_at IS NULL) AS brands FROM sources_brand
      WHERE portal_id IN (SELECT portal_id FROM arriving) OR portal_id IN (
          SELECT portal_id FROM sources_brand WHERE id = ANY(%(dropped)s)
      ) GROUP BY portal_id) AS found
WHERE p.id = found.portal_id AND p.brand_count <> found.brands
"""
_PORTALS_UNLISTED: Final = """
UPDATE sources_portal p SET unlisted_at = %(now)s
WHERE p.id IN (SELECT portal_id FROM sources_brand WHERE id = ANY(%(dropped)s))
AND p.origin = 'directory' AND p.unlisted_at IS NULL
AND NOT EXISTS (SELECT FROM sources_brand b WHERE b.portal_id = p.id AND b.unlisted_at IS NULL)
"""


@dataclass(slots=True)
class Loaded:
    """What became of a list's rows. `skipped`: reason -> rows, with `examples` of each; `mended` likewise."""

    rows: int = 0
    listings: int = 0
    portals_made: int = 0
    portals_updated: int = 0
    portals_unchanged: int = 0
    brands_made: int = 0
    brands_updated: int = 0
    brands_unchanged: int = 0
    unlisted: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)
    mended: Counter[str] = field(default_factory=Counter)
    vendors: Counter[str] = field(default_factory=Counter)


def load(
    *,
    name: str,
    found: Iterable[Listing | Skipped],
    vendor_names: Mapping[str, str],
    now: datetime,
    vendor: str = "",
    etag: str = "",
    last_modified: str = "",
    digest: bytes | None = None,
) -> Loaded:
    """Put what a list holds into the directory, in the place of what it held before; nothing where it breaks off.

    ``name``: the list's address or file name, its identity; ``vendor_names``: profile id -> its name; ``vendor``,
    ``etag``, ``last_modified``, ``digest``: how it was read, for the next time.
    What the list no longer names, and no other list does, is marked and stays. Raises what ``found`` raises.
    """
    loaded = Loaded()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        # Within a longer transaction of the caller, those of the list before.
        cursor.execute("DROP TABLE IF EXISTS pg_temp.arriving, pg_temp.arriving_portal")
        cursor.execute(_ARRIVING)
        with cursor.copy(
            f"COPY arriving (row, {', '.join(each.split()[0] for each in _COLUMNS)}) FROM STDIN"
        ) as copy:
            for row in _rows(found, vendor_names=vendor_names, loaded=loaded):
                copy.write_row(row)
        cursor.execute("ANALYZE arriving")
        known, _made = EndpointList.objects.get_or_create(name=name, defaults={"loaded_at": now})
        _put(cursor, list_id=known.pk, now=now, loaded=loaded)
        EndpointList.objects.filter(pk=known.pk).update(
            vendor=vendor, etag=etag, last_modified=last_modified, digest=digest, loaded_at=now
        )
    return loaded


def _rows(
    found: Iterable[Listing | Skipped], *, vendor_names: Mapping[str, str], loaded: Loaded
) -> Iterable[tuple[Any, ...]]:
    for each in found:
        if isinstance(each, Skipped):
            loaded.rows += 1
            loaded.skipped[each.reason] += 1
            examples = loaded.examples.setdefault(each.reason, [])
            if len(examples) < EXAMPLES:
                examples.append(each.what)
            continue
        loaded.rows += "staff_address" not in each.mended
        loaded.listings += 1
        loaded.mended.update(each.mended)
        loaded.vendors[each.vendor] += 1
        host = urlsplit(each.base_url).hostname or each.base_url
        yield (
            loaded.listings,
            each.base_url,
            each.published_url,
            each.vendor,
            each.told,
            each.sure,
            each.staff,
            each.fhir_version,
            each.endpoint_name,
            host if each.vendor == GENERIC else vendor_names.get(each.vendor, host),
            each.name,
            key_of(each.name)[:NAME_MAX],
            place_key(city=each.city, state=each.state, postal_code=each.postal_code)[:PLACE_MAX],
            each.city,
            each.state,
            each.postal_code,
            each.parent,
            each.logo_url,
            each.portal_name,
            each.portal_url,
            each.practice,
            search_words(each),
        )


def _put(cursor: Any, *, list_id: int, now: datetime, loaded: Loaded) -> None:
    said = {"now": now, "list": list_id, "generic": GENERIC}
    cursor.execute(_PORTALS)
    portals = cursor.rowcount
    cursor.execute(_PORTALS_SET_RIGHT, said)
    loaded.portals_updated = cursor.rowcount
    cursor.execute(_PORTALS_MADE, said)
    loaded.portals_made = cursor.rowcount
    loaded.portals_unchanged = portals - loaded.portals_made - loaded.portals_updated
    cursor.execute(_AT_PORTALS)

    cursor.execute("SELECT coalesce(max(id), 0) FROM sources_brand")
    said["before"] = cursor.fetchone()[0]
    cursor.execute(_SAME)
    cursor.execute(_COMPLETED)
    cursor.execute(_PLACED)
    # Those that say where they are come first: one that does not may be one of them.
    for rich in (True, False):
        if not rich:
            cursor.execute(_LESS)
        cursor.execute(_MADE, {**said, "rich": rich})
        loaded.brands_made += cursor.rowcount
        cursor.execute(_SAME + "AND a.brand_id IS NULL")
    cursor.execute("SELECT count(DISTINCT brand_id) FROM arriving WHERE brand_id <= %(before)s", said)
    there = cursor.fetchone()[0]
    cursor.execute(_SET_RIGHT, said)
    loaded.brands_updated = cursor.rowcount
    loaded.brands_unchanged = there - loaded.brands_updated

    cursor.execute(_LISTED, said)
    cursor.execute(_DROPPED, said)
    dropped = [brand for (brand,) in cursor.fetchall()]
    if dropped:
        cursor.execute(_BRANDS_UNLISTED, {**said, "dropped": dropped})
        loaded.unlisted = cursor.rowcount
        cursor.execute(_PORTALS_UNLISTED, {**said, "dropped": dropped})
    cursor.execute(_COUNTED, {"dropped": dropped})
