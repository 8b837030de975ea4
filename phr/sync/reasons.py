"""Why a step or a run ended as it did, in a sentence that a patient can read and act on."""

from __future__ import annotations

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

_UNKNOWN: Final = _("The portal did not answer as expected. We ask again on schedule.")

# Codes of connectors.errors and of the fetch plan, and our own.
_SENTENCES: Final[dict[str, Promise]] = {
    # What the portal does not give.
    "refused": _(
        "This portal did not allow it. You can ask them to share it, or reconnect and allow it there."
    ),
    "not_granted": _("You did not allow this when you connected. Reconnect and allow it there to get it."),
    "not_listed": _("This portal does not offer it."),
    "not_searchable": _("This portal does not let patients ask for it."),
    "not_by_patient": _("This portal does not let patients ask for it."),
    "other_version": _("This portal speaks an older version of the standard, which we do not read yet."),
    "not_supported": _("This portal does not offer it."),
    "not_found": _("This portal does not offer it, or no longer has it."),
    "request_refused": _("This portal did not accept the question in the form we asked it."),
    # What a complete answer may still lack.
    "limited": _("You allowed only a part of this when you connected: others may exist."),
    "by_part": _("Asked for by category or status: others may exist."),
    "by_date": _("Asked for from some years back on: older ones may exist."),
    # What broke off.
    "fewer_than_claimed": _(
        "The portal stopped before it had sent all that it counts. We ask again on schedule."
    ),
    "paging_loop": _("The portal sent us in circles, so the rest is missing. We ask again on schedule."),
    "too_many_pages": _("The portal's answer did not end. What came is stored; the rest is missing."),
    "paging_expired": _("The portal lost its place before it had sent everything. We ask again on schedule."),
    "foreign_host": _("The portal pointed to another address, where your access must not be shown."),
    # Of the number behind the code.
    "daily_limit": _("The portal gives %(n)s documents a day: the rest follows tomorrow."),
    # What did not work this time.
    "timeout": _("The portal did not answer in time. We ask again on schedule."),
    "unreachable": _("The portal could not be reached. We ask again on schedule."),
    "connection_lost": _("The connection to the portal broke off. We ask again on schedule."),
    "truncated": _("The portal's answer broke off. We ask again on schedule."),
    "rate_limited": _("The portal asked us to slow down. We go on later."),
    "server_error": _("The portal had an internal error. We ask again on schedule."),
    "html": _(
        "The portal answered with a web page instead of data, as during maintenance. We ask again on schedule."
    ),
    "not_json": _("The portal's answer could not be read. We ask again on schedule."),
    "bad_bundle": _("The portal's answer could not be read. We ask again on schedule."),
    "bad_response": _("The portal's answer could not be read. We ask again on schedule."),
    "too_large": _("The portal's answer was too large to take in one piece."),
    "too_deep": _("The portal's answer was too deeply nested to be read safely."),
    "certificate_refused": _("The portal's certificate is not valid, so nothing was sent or read."),
    "address_refused": _(
        "The portal's address is not one that we may connect to. Ask whoever runs this server."
    ),
    "http_refused": _("The portal's address is not secure (https), so nothing was sent or read."),
    "redirect_refused": _("The portal sent us to another address, so nothing was read."),
    "internal_error": _("Something went wrong on our side. Whoever runs this server finds it in the log."),
    # What only the person can mend.
    "grant_over": _("The portal has ended your permission. Reconnect to go on; what you have stays."),
    "unauthorized": _(
        "The portal no longer accepts your permission. Reconnect to go on; what you have stays."
    ),
    "interaction_required": _(
        "The portal wants you to sign in again. Reconnect to go on; what you have stays."
    ),
    "refresh_interrupted": _(
        "Your permission was being renewed when we were interrupted. Reconnect to go on; what you have stays."
    ),
    "no_refresh_token": _(
        "The portal gave permission for a short time only. Reconnect to fetch what is new."
    ),
    "client_refused": _("The portal no longer knows this server. Ask whoever runs it."),
    "not_registered": _("This server is not registered with the portal any more. Ask whoever runs it."),
    "disconnected": _("You disconnected this source. What it brought stays."),
    "reconnect_needed": _("Reconnect to go on; what you have stays."),
}


def sentence(code: str) -> str:
    """Return the sentence for a code; "" for none, a general one for a code without its own.

    A number that the sentence names stands behind the code and a colon: ``daily_limit:80``.
    """
    name, _colon, number = code.partition(":")
    if not name:
        return ""
    words = str(_SENTENCES.get(name, _UNKNOWN))
    return words % {"n": number} if number and "%(n)s" in words else words
