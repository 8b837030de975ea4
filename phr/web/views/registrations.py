"""The operator's registrations: which vendors know this server, and how to become known to another one."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from connectors.errors import PortalError
from connectors.profile import Profile
from connectors.secret import Secret
from connectors.smart.discovery import discover
from phr.core.network import egress
from phr.sources import checking, dynamic, operating, registrations
from phr.sources.models import Portal, Registration
from phr.sources.portals import BadAddress, bare_url
from phr.sources.profiles import all_profiles
from phr.web.forms import PortalAddressForm, PortalRegistersForm, RegistrationForm, point_at_faults
from phr.web.gate import SignedInRequest, operator_view


@require_safe
@operator_view()
def overview(request: SignedInRequest) -> HttpResponse:
    """List what is registered, and the vendors that do not know us yet."""
    context = {"page": operating.overview(now=timezone.now()), "section": "operate"}
    return render(request, "registrations/page.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@operator_view(step_up=True)
def vendor(request: SignedInRequest, profile_id: str) -> HttpResponse:
    """Show the guide of a vendor; keep a registration."""
    page = _page_of(profile_id)
    form = _registration_form(page.profile, request.POST or None)
    if request.method == "POST" and form.is_valid():
        kept = _keep(form, profile=page.profile)
        if kept is not None:
            uri = registrations.redirect_uri_of(registration=kept)
            messages.success(request, _("Kept. Now register this redirect URI there: %(uri)s") % {"uri": uri})
            return redirect("registrations_vendor", profile_id)
    return _vendor(request, page, form=form)


@require_POST
@operator_view(step_up=True)
def by_itself(request: SignedInRequest, profile_id: str) -> HttpResponse:
    """Let a portal of the vendor register this server (RFC 7591)."""
    page = _page_of(profile_id)
    form = PortalRegistersForm(request.POST, auto_id="itself_%s")
    if form.is_valid():
        kept = _let_register(form, profile=page.profile)
        if kept is not None:
            assert kept.portal is not None
            messages.success(
                request,
                _("%(portal)s has registered this server. Test it once, and people can connect.")
                % {"portal": kept.portal.name},
            )
            return redirect("registrations_vendor", profile_id)
    return _vendor(request, page, itself=form)


def _page_of(profile_id: str) -> operating.VendorPage:
    page = operating.vendor_page(profile_id=profile_id, now=timezone.now())
    if page is None:
        raise Http404
    return page


def _registration_form(profile: Profile, data: QueryDict | None) -> RegistrationForm:
    methods = [(way, str(Registration.Method(way).label)) for way in profile.auth.clients]
    return RegistrationForm(data, methods=methods)


def _vendor(
    request: SignedInRequest,
    page: operating.VendorPage,
    *,
    form: RegistrationForm | None = None,
    itself: PortalRegistersForm | None = None,
) -> HttpResponse:
    """Draw a vendor's page; a form that was sent, and is here again, has a fault and stands first."""
    wrong = (form if form is not None and form.is_bound else None) or itself
    if wrong is not None:
        point_at_faults(wrong)
    context = {
        "page": page,
        "form": form if form is not None else _registration_form(page.profile, None),
        "itself": itself if itself is not None else PortalRegistersForm(auto_id="itself_%s"),
        "wrong": "itself" if itself is not None else "keep" if wrong is not None else "",
        "section": "operate",
    }
    return render(request, "registrations/vendor.html", context, status=200 if wrong is None else 422)


@require_POST
@operator_view()
def test(request: SignedInRequest, profile_id: str) -> HttpResponse:
    """Ask a portal of the vendor what it says of itself, and try an authorization request without anybody."""
    profile = all_profiles().get(profile_id)
    if profile is None:
        raise Http404
    form = PortalAddressForm({**request.POST.dict(), "vendor": profile_id}, vendors=_vendors())
    return _looked(request, form)


@require_http_methods(["GET", "HEAD", "POST"])
@operator_view()
def check(request: SignedInRequest) -> HttpResponse:
    """Look at any portal: what it says of itself, held against the profile of its vendor."""
    form = PortalAddressForm(request.POST or None, vendors=_vendors())
    return _looked(request, form)


def _looked(request: SignedInRequest, form: PortalAddressForm) -> HttpResponse:
    found: checking.Check | None = None
    if form.is_bound and form.is_valid():
        try:
            found = checking.check(
                url=form.cleaned_data["url"],
                profile_id=form.cleaned_data["vendor"] or None,
                egress=egress(),
                now=timezone.now(),
            )
        except BadAddress as error:
            form.add_error("url", str(error))
        except PortalError as error:
            form.add_error(None, _("%(why)s Nothing else was asked.") % {"why": checking.why(error)})
    failed = form.is_bound and found is None
    if failed:
        point_at_faults(form)
    context = {"form": form, "check": found, "vendor": _vendor_named(form), "section": "operate"}
    return render(request, "registrations/check.html", context, status=422 if failed else 200)


def _keep(form: RegistrationForm, *, profile: Profile) -> Registration | None:
    """Keep what the form holds; None, and the form says why, where that cannot be."""
    given = form.cleaned_data
    try:
        portal = _portal(given["portal_url"])
        row, _created = registrations.register(
            profile_id=profile.id,
            client_id=given["client_id"],
            portal=portal,
            secret=Secret(given["secret"]) if given.get("secret") else None,
            method=given["method"],
            redirect_uri=given["redirect_uri"],
        )
    except (BadAddress, ValidationError) as error:
        form.add_error("portal_url", error.message if isinstance(error, ValidationError) else str(error))
    except registrations.BadRegistration as error:
        form.add_error(None, str(error))
    else:
        return row
    return None


def _let_register(form: PortalRegistersForm, *, profile: Profile) -> Registration | None:
    """Let the portal that the form names register us; None, and the form says why, where it does not."""
    token = form.cleaned_data["token"]
    try:
        portal = _portal(form.cleaned_data["url"])
        if portal is None or portal.profile_id != profile.id:
            form.add_error("url", _("That portal belongs to another vendor."))
            return None
        return dynamic.register_at(
            portal=portal,
            server=discover(egress=egress(), base_url=portal.base_url, profile=profile),
            initial_access_token=Secret(token) if token else None,
            egress=egress(),
            now=timezone.now(),
        )
    except (BadAddress, ValidationError) as error:
        form.add_error("url", error.message if isinstance(error, ValidationError) else str(error))
    except registrations.NotRegistered:
        form.add_error("url", _("This portal does not offer to register anybody by itself."))
    except PortalError as error:
        form.add_error(None, dynamic.why_not(error=error))
    except registrations.BadRegistration as error:
        form.add_error(None, str(error))
    return None


def _portal(url: str) -> Portal | None:
    if not url:
        return None
    portal = Portal.objects.filter(base_url=bare_url(url)).first()
    if portal is None:
        raise ValidationError(_("There is no portal with this address in the directory."))
    return portal


def _vendor_named(form: PortalAddressForm) -> Profile | None:
    """Return the vendor that was chosen, to lead back to its page."""
    return all_profiles().get(str(form["vendor"].value() or ""))


def _vendors() -> list[tuple[str, str]]:
    return sorted(
        ((each.id, each.name) for each in all_profiles().values()), key=lambda pair: pair[1].casefold()
    )
