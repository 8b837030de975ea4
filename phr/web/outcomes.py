"""How a journey to a portal ends when it does not end well, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened, and what to do."""

    title: Promise | str
    happened: Promise | str
    to_do: Promise | str
    status: int = 200
    icon: str = "exclamation-triangle"


# Several codes of the flow are one thing to whoever reads about it.
SAME: Final = {
    "state_expired": "expired",
    "state_used": "used",
    "state_unknown": "not_yours",
    "other_session": "not_yours",
    "other_portal": "not_yours",
    "issuer_mismatch": "not_yours",
    "portal_error": "failed",
    "not_waiting": "decided",
}
OUTCOMES: Final = {
    "denied": Outcome(
        gettext_lazy("The portal was not connected"),
        gettext_lazy(
            "On the portal's page the access was declined, or the page was closed before it was given."
        ),
        gettext_lazy("If that was meant, there is nothing to do. Otherwise try again and press Allow there."),
        icon="hand-raised",
    ),
    "expired": Outcome(
        gettext_lazy("That took too long"),
        gettext_lazy(
            "Ten minutes went by between leaving for the portal and coming back, so the journey is over."
        ),
        gettext_lazy("Try again; the portal often remembers that you signed in."),
        status=410,
        icon="clock",
    ),
    "used": Outcome(
        gettext_lazy("This was done already"),
        gettext_lazy("The address you came back with works once, and it was used before."),
        gettext_lazy("Look at the sources: the portal may be connected. If it is not, try again."),
        status=410,
        icon="arrow-uturn-left",
    ),
    "not_yours": Outcome(
        gettext_lazy("This journey was not begun here"),
        gettext_lazy(
            "The address belongs to another sign-in, another browser, or to nobody. No request was "
            "sent to the portal."
        ),
        gettext_lazy(
            "Begin at the sources page in this browser. If somebody sent you this link, do not use it."
        ),
        status=403,
        icon="shield-exclamation",
    ),
    "not_an_answer": Outcome(
        gettext_lazy("That is not an answer of the portal"),
        gettext_lazy("The address has not the form that a portal's answer has. No request was sent."),
        gettext_lazy("Begin at the sources page again."),
        status=400,
        icon="question-mark-circle",
    ),
    "other_patient": Outcome(
        gettext_lazy("That is another person's chart"),
        gettext_lazy(
            "The portal gave access to a different patient than the one this source belongs to, so "
            "nothing was joined."
        ),
        gettext_lazy(
            "Reconnect and choose the same patient, or connect the other chart into that person's record."
        ),
        status=409,
        icon="users",
    ),
    "no_patient": Outcome(
        gettext_lazy("The portal named no patient"),
        gettext_lazy(
            "It gave access, but did not say to whose chart, so nothing could be fetched. The "
            "access was given back."
        ),
        gettext_lazy(
            "Try again, and choose a patient if the portal asks. If it does not, the portal has to "
            "be set up for patients."
        ),
        status=502,
        icon="user-circle",
    ),
    "decided": Outcome(
        gettext_lazy("There is nobody to be confirmed"),
        gettext_lazy(
            "Somebody decided already whether this chart belongs here, or ten minutes went by. What the portal "
            "gave was not kept."
        ),
        gettext_lazy("Look at the sources: the portal may be connected. If it is not, try again."),
        status=410,
        icon="clock",
    ),
    "not_confirmed": Outcome(
        gettext_lazy("Nothing was connected"),
        gettext_lazy(
            "You said that the chart is another person's. The access was given back, and nothing of it was kept."
        ),
        gettext_lazy("Choose the right patient at the portal, or the right record here, and try again."),
        icon="hand-raised",
    ),
    "failed": Outcome(
        gettext_lazy("The portal did not finish"),
        gettext_lazy(
            "It sent you back, but then answered with an error or with something that is no answer."
        ),
        gettext_lazy(
            "Try again in a few minutes. If it stays, the portal is at fault or is not registered rightly."
        ),
        status=502,
        icon="signal-slash",
    ),
}
# Of a launch from a portal's page; none of them sends a request anywhere.
LAUNCHES: Final = {
    "incomplete": Outcome(
        gettext_lazy("This is where a portal starts phr"),
        gettext_lazy("The address is for a portal's own page to use, and a part of it is missing."),
        gettext_lazy("Start phr from the portal's page, or connect the portal from here."),
        status=400,
        icon="question-mark-circle",
    ),
    "unknown": Outcome(
        gettext_lazy("phr does not know this portal"),
        gettext_lazy(
            "The page that sent you here names a portal that is not in the directory, or not the one that this "
            "address belongs to. No request was sent to anybody."
        ),
        gettext_lazy(
            "If it is your hospital's portal, ask whoever runs this server to add it. If somebody sent you this "
            "link, do not use it."
        ),
        status=403,
        icon="shield-exclamation",
    ),
    "not_offered": Outcome(
        gettext_lazy("This portal cannot start phr"),
        gettext_lazy(
            "The software that the portal runs is not known to start apps from its own page. No request was sent."
        ),
        gettext_lazy("Connect the portal from here instead."),
        status=403,
        icon="no-symbol",
    ),
}
BEGIN_FAILED: Final = gettext_lazy(
    "The portal does not answer, or not as it should, so you were not sent there. Try again in a few minutes."
)
BEGIN_REFUSED: Final = gettext_lazy(
    "The portal did not accept this server as an app, so you were not sent there. Whoever runs this server has "
    "to register it with the portal."
)
BEGIN_IMPOSSIBLE: Final = gettext_lazy(
    "This server is not registered there, so nobody can be sent there yet."
)
PASTED_WRONG: Final = gettext_lazy(
    "That is not the address that your browser ends on. It begins with %(address)s, and goes on with a question "
    "mark and a long row of letters: copy the whole of it."
)
