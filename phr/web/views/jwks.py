"""Our public keys, for the portals that we prove ourselves to."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from phr.sources import keys


@require_safe
def jwks(request: HttpRequest) -> HttpResponse:
    """Return the JWK Set; whoever reads it may keep it for an hour."""
    del request
    answer = JsonResponse(keys.published(now=timezone.now()), content_type="application/jwk-set+json")
    answer.headers["Cache-Control"] = f"public, max-age={int(keys.JWKS_MAX_AGE.total_seconds())}"
    return answer
