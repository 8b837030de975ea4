"""``/healthz``: the process answers. ``/readyz``: everything it needs does too. Neither says more than names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

import redis
from django.conf import settings
from django.db import DatabaseError, connections
from django.db.migrations.loader import MigrationLoader
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

_BROKER_SECONDS = 2.0


@require_safe
@never_cache
def healthz(_request: HttpRequest) -> HttpResponse:
    """Answer without touching anything else: a slow database is no reason to restart the web."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
@never_cache
def readyz(_request: HttpRequest) -> JsonResponse:
    """Answer 200 when database, broker and migrations are in order, else 503, with a yes or no for each."""
    checks: Mapping[str, Callable[[], bool]] = {
        "database": database_answers,
        "migrations": migrations_are_applied,
        "broker": broker_answers,
    }
    found = {name: check() for name, check in checks.items()}
    return JsonResponse(found, status=200 if all(found.values()) else 503)


def database_answers() -> bool:
    """Whether the application's own role gets an answer."""
    try:
        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT 1")
            return bool(cursor.fetchone() == (1,))
    except DatabaseError:
        return False


def migrations_are_applied() -> bool:
    """Whether each migration of this version has been applied; once it was, that is not asked again."""
    try:
        return _all_applied()
    except (DatabaseError, _NotYet):
        return False


class _NotYet(Exception):  # noqa: N818 - an answer that is not to be remembered
    pass


@lru_cache(maxsize=1)
def _all_applied() -> bool:
    loader = MigrationLoader(connections["default"])
    if set(loader.graph.nodes) - set(loader.applied_migrations):
        raise _NotYet
    return True


def broker_answers() -> bool:
    """Whether the broker answers to the password we have."""
    if not settings.CELERY_BROKER_URL:
        return False
    try:
        with redis.Redis.from_url(
            settings.CELERY_BROKER_URL,
            socket_timeout=_BROKER_SECONDS,
            socket_connect_timeout=_BROKER_SECONDS,
        ) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False
