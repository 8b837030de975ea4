"""Where an operator begins: what there is to look after, in numbers, and the way to each of it."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from phr.sources import operating
from phr.web.gate import SignedInRequest, operator_view


@require_safe
@operator_view()
def operate(request: SignedInRequest) -> HttpResponse:
    """Show the numbers."""
    return render(request, "operate/page.html", {"counts": operating.counts(), "section": "operate"})
