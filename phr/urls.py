"""Every address of the program. Whose record it is stands in the path."""

from __future__ import annotations

from allauth.account.decorators import secure_admin_login
from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from phr.ops import health
from phr.web.views import (
    connect,
    exports,
    home,
    inspector,
    jwks,
    launch,
    operate,
    people,
    registrations,
    sources,
    timeline,
)

# Operators come in by the same door: Django's own form knows neither the second step nor the limits on tries.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

handler400 = "phr.web.views.errors.bad_request"
handler403 = "phr.web.views.errors.forbidden"
handler404 = "phr.web.views.errors.not_found"
handler500 = "phr.web.views.errors.server_error"

record: list[URLPattern | URLResolver] = [
    path("timeline/", timeline.timeline, name="timeline"),
    path("facts/<uuid:fact_id>/", timeline.fact, name="fact"),
    path("visits/<uuid:visit_id>/", timeline.visit, name="visit"),
    path("sources/", sources.sources, name="sources"),
    path("sources/connect/", connect.search, name="connect"),
    path("sources/connect/address/", connect.address, name="connect_address"),
    path("sources/connect/<int:portal_id>/", connect.portal, name="connect_portal"),
    path("sources/connect/<int:portal_id>/begin/", connect.begin, name="connect_begin"),
    path("sources/connect/waiting/<uuid:attempt_id>/", connect.waiting, name="connect_waiting"),
    path("sources/connect/confirm/<uuid:attempt_id>/", connect.confirm, name="connect_confirm"),
    path("sources/<uuid:source_id>/", sources.source, name="source"),
    path("sources/<uuid:source_id>/sync/", sources.sync, name="source_sync"),
    path("sources/<uuid:source_id>/reconnect/", connect.reconnect, name="source_reconnect"),
    path("sources/<uuid:source_id>/disconnect/", sources.disconnect, name="source_disconnect"),
    path("sources/calls/", inspector.calls, name="connect_calls"),
    path("sources/<uuid:source_id>/calls/", inspector.calls, name="source_calls"),
    path("sources/<uuid:source_id>/quarantine/", sources.quarantine, name="quarantine"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("", home.home, name="home"),
    path("people/", people.people, name="people"),
    path("p/<uuid:person_id>/", include(record)),
    path("callback/<slug:slug>/", connect.callback, name="callback"),
    path("launch/<slug:slug>/", launch.launch, name="launch"),
    path(".well-known/jwks.json", jwks.jwks, name="jwks"),
    path("operate/", operate.operate, name="operate"),
    path("operate/portals/check/", registrations.check, name="check_portal"),
    path("operate/exports/", exports.exports, name="exports"),
    path("operate/exports/<uuid:connection_id>/", exports.connection, name="exports_connection"),
    path("operate/exports/<uuid:connection_id>/ask/", exports.ask, name="exports_ask"),
    path("operate/exports/patients/<uuid:patient_id>/", exports.patient, name="exports_patient"),
    path("operate/exports/patients/<uuid:patient_id>/undo/", exports.undo, name="exports_undo"),
    path("registrations/", registrations.overview, name="registrations"),
    path("registrations/<slug:profile_id>/", registrations.vendor, name="registrations_vendor"),
    path(
        "registrations/<slug:profile_id>/by-itself/", registrations.by_itself, name="registrations_by_itself"
    ),
    path("registrations/<slug:profile_id>/test/", registrations.test, name="registrations_test"),
    path("appearance/", home.appearance, name="appearance"),
    path("account/", home.account, name="account"),
    path("account/", include("allauth.urls")),
    path("admin/", admin.site.urls),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]

if settings.DEBUG:
    from phr.web import styleguide

    urlpatterns += [
        path("styleguide/", styleguide.styleguide, name="styleguide"),
        path("styleguide/<slug:name>/", styleguide.state, name="styleguide_state"),
    ]
