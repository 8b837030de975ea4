"""The answers that are no record: refusals, unknown types, missing parameters, each in the vendor's way."""

from collections.abc import Sequence
from typing import Final

from connectors.profile import Server
from connectors.sandbox.bundle import outcome
from connectors.sandbox.http import Response

UNAUTHORIZED: Final = ("WWW-Authenticate", 'Bearer realm="sandbox"')
INSUFFICIENT: Final = ("WWW-Authenticate", 'Bearer error="insufficient_scope"')


class Answers:
    """How one server says no."""

    def __init__(self, server: Server) -> None:
        """Answer as `server` does."""
        self._server = server

    def fhir(self, body: bytes, *, status: int = 200, headers: Sequence[tuple[str, str]] = ()) -> Response:
        """Answer with FHIR JSON."""
        return Response(
            status=status,
            body=body,
            content_type=f"{self._server.content_type}; charset=utf-8",
            headers=[("Cache-Control", "no-store"), *headers],
        )

    def problem(self, status: int, *, code: str, text: str, detail: str = "") -> Response:
        """Answer with an OperationOutcome. `detail`: the vendor's own code beside the standard's."""
        return self.fhir(outcome(code=code, text=text, detail=detail), status=status)

    def unauthorized(self) -> Response:
        """Answer that there is no valid access token."""
        answer = self.problem(401, code="login", text="no valid access token")
        answer.headers.append(UNAUTHORIZED)
        return answer

    def refuse(self) -> Response:
        """Answer that the token does not reach this. Only a 403 says so in a header."""
        match self._server.refused_answer:
            case "403_empty":
                return Response(status=403, headers=[INSUFFICIENT])
            case "401_html":
                page = b"<!doctype html><title>Unauthorized</title><h1>401 Unauthorized</h1>"
                return Response(status=401, body=page, content_type="text/html", headers=[UNAUTHORIZED])
            case "401_outcome":
                return self.unauthorized()
            case "500_outcome":
                return self.problem(500, code="exception", text="an error occurred")
            case "403_outcome":
                answer = self.problem(403, code="forbidden", text="the token does not allow this")
                answer.headers.append(INSUFFICIENT)
                return answer

    def unsupported(self, resource_type: str) -> Response:
        """Answer that a type, or the search for it, is not known here."""
        answer = self._server.unsupported_answer
        if answer == "404_html":
            page = b"<!doctype html><title>404</title><h1>404 - File or directory not found.</h1>"
            return Response(status=404, body=page, content_type="text/html")
        known = resource_type if resource_type.isalpha() and len(resource_type) < 40 else "this type"
        status = int(answer.partition("_")[0])
        code = "exception" if status == 500 else "not-supported"
        return self.problem(status, code=code, text=f"{known} is not supported")

    def missing(self, required: Sequence[str]) -> Response:
        """Answer that a search lacks what it must have: one of these alternatives."""
        status = int(self._server.missing_parameter_answer.partition("_")[0])
        text = "must have one of: " + ", ".join(name.replace("+", " and ") for name in required)
        return self.problem(status, code="required", text=text)

    def not_found(self) -> Response:
        """Answer that there is no such resource for whoever asks."""
        if self._server.not_found_answer == "500_outcome":
            return self.problem(500, code="exception", text="an error occurred")
        return self.problem(404, code="not-found", text="no such resource")

    def page_gone(self) -> Response:
        """Answer that a link to a further page is no longer known."""
        return self.problem(
            400, code="expired", text="this page is no longer known", detail=self._server.page_expired_code
        )
