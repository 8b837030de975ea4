"""What a reader may send: the filters of the timeline, and the few forms of our own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from django import forms
from django.http import QueryDict
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from phr.timeline.queries.shapes import TimelineFilters

# More filters than kinds and sources exist are a mistake or an attack; the rest is left out, saying so.
FILTERS_MAX: Final = 40
TEXT_MAX: Final = 200
CURSOR_MAX: Final = 200


def read_filters(params: QueryDict) -> tuple[TimelineFilters, tuple[str, ...]]:
    """Return what the address asks for, and a sentence for each part of it that could not be used."""
    faults: list[str] = []
    first = _day(params.get("from", ""), faults=faults)
    last = _day(params.get("to", ""), faults=faults)
    if first and last and first > last:
        faults.append(_("The first date was after the last, so the two were exchanged."))
        first, last = last, first
    filters = TimelineFilters(
        kinds=_several(params.getlist("kind"), faults=faults),
        sources=_several(params.getlist("source"), faults=faults),
        date_from=first,
        date_to=last,
        q=_clean(params.get("q", ""))[:TEXT_MAX].strip(),
        after=_clean(params.get("after", ""))[:CURSOR_MAX],
    )
    return filters, tuple(faults)


def _several(values: Sequence[str], *, faults: list[str]) -> tuple[str, ...]:
    chosen = tuple(dict.fromkeys(_clean(value) for value in values if value))
    if len(chosen) > FILTERS_MAX:
        faults.append(_("There were more filters than anybody needs; the first were used."))
    return chosen[:FILTERS_MAX]


def _day(text: str, *, faults: list[str]) -> date | None:
    if not text:
        return None
    try:
        day = parse_date(text)
    except ValueError:
        day = None
    if day is None:
        faults.append(_("A date in the address could not be read and was left out."))
    return day


def _clean(text: str) -> str:
    # Postgres takes no NUL in a text, and a lone surrogate cannot be encoded for it.
    return text.replace("\x00", "").encode("utf-8", "ignore").decode()


class PersonForm(forms.Form):
    """Begin a record."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    birth_date = forms.DateField(
        label=gettext_lazy("Birth date"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )

    def clean_birth_date(self) -> date | None:
        """Nobody is born tomorrow."""
        born: date | None = self.cleaned_data["birth_date"]
        if born is not None and born > timezone.localdate():
            raise forms.ValidationError(_("A birth date lies in the past."))
        return born


class ThemeForm(forms.Form):
    """Choose the colours."""

    theme = forms.ChoiceField(choices=[("system", ""), ("light", ""), ("dark", "")])
    next = forms.CharField(required=False, max_length=2000)


def point_at_faults(form: forms.BaseForm) -> None:
    """Let the browser begin at the first field with a fault; it needs no script for that."""
    first = next((name for name in form.fields if form.has_error(name)), None)
    if first is not None:
        form.fields[first].widget.attrs["autofocus"] = True


class SecretField(forms.CharField):
    """Needed or not, by what stands in another field: it is not marked as one to leave out."""

    depends = True


class RegistrationForm(forms.Form):
    """Keep the client id that a vendor gave us."""

    # Those that most registrations do without.
    SELDOM: Final = ("portal_url", "redirect_uri")

    client_id = forms.CharField(
        label=gettext_lazy("Client id"),
        max_length=300,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    method = forms.ChoiceField(label=gettext_lazy("How this server proves itself"))
    secret = SecretField(
        label=gettext_lazy("Client secret"),
        required=False,
        strip=True,
        max_length=4000,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy(
            "Kept encrypted, and never shown again. Leave it empty for a key or a public client."
        ),
    )
    portal_url = forms.CharField(
        label=gettext_lazy("Only for the portal at this FHIR address"),
        required=False,
        max_length=500,
        widget=forms.URLInput(attrs={"autocomplete": "off", "placeholder": "https://fhir.example.org/r4"}),
        help_text=gettext_lazy("Leave it empty for all portals of this vendor."),
    )
    redirect_uri = forms.CharField(
        label=gettext_lazy("Redirect URI, if you registered another one"),
        required=False,
        max_length=500,
        widget=forms.URLInput(
            attrs={"autocomplete": "off", "placeholder": "https://phr.example.org/callback/"}
        ),
        help_text=gettext_lazy(
            "Any https address that is yours will do, and nothing needs to answer there: people paste the address that "
            "their browser ends on."
        ),
    )

    def __init__(self, *args: object, methods: Sequence[tuple[str, str]], **kwargs: object) -> None:
        """Offer the ``methods`` of the vendor alone."""
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        method = self.fields["method"]
        assert isinstance(method, forms.ChoiceField)
        method.choices = list(methods)
        sending = [way.startswith("client_secret") for way, _label in methods]
        if not any(sending):
            del self.fields["secret"]
        elif all(sending):
            self.fields["secret"].required = True
            self.fields["secret"].help_text = _("Kept encrypted, and never shown again.")

    def usual(self) -> list[forms.BoundField]:
        """Return the fields that every registration needs."""
        return [self[name] for name in self.fields if name not in self.SELDOM]

    def seldom(self) -> list[forms.BoundField]:
        """Return the other fields."""
        return [self[name] for name in self.SELDOM]

    def opened(self) -> bool:
        """Whether one of the other fields holds something, or is wrong."""
        return any(field.errors or field.value() for field in self.seldom())

    def clean(self) -> dict[str, object]:
        """A secret goes with the methods that send one, and with no other."""
        cleaned = super().clean() or {}
        sends = str(cleaned.get("method", "")).startswith("client_secret")
        if sends and not cleaned.get("secret") and not self.has_error("secret"):
            self.add_error("secret", _("This method needs the client secret."))
        if not sends and cleaned.get("secret"):
            self.add_error("secret", _("This method sends no secret: leave it empty, or choose another one."))
        return cleaned


class PortalRegistersForm(forms.Form):
    """Let one portal register this server."""

    url = forms.CharField(
        label=gettext_lazy("FHIR address of the portal"),
        max_length=500,
        widget=forms.URLInput(attrs={"autocomplete": "off", "placeholder": "https://fhir.example.org/r4"}),
    )
    token = forms.CharField(
        label=gettext_lazy("Initial access token"),
        required=False,
        max_length=4000,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy(
            "Some portals want one for this; their vendor gives it out. It is used once and not kept."
        ),
    )


class PortalAddressForm(forms.Form):
    """Look at one portal."""

    url = forms.CharField(
        label=gettext_lazy("FHIR address of the portal"),
        max_length=500,
        widget=forms.URLInput(attrs={"autocomplete": "off", "placeholder": "https://fhir.example.org/r4"}),
    )
    vendor = forms.ChoiceField(label=gettext_lazy("Vendor"), required=False)

    def __init__(self, *args: object, vendors: Sequence[tuple[str, str]], **kwargs: object) -> None:
        """Offer the ``vendors``; none chosen means: told from the address."""
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        vendor = self.fields["vendor"]
        assert isinstance(vendor, forms.ChoiceField)
        vendor.choices = [("", _("tell from the address")), *vendors]
