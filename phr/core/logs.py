"""Logging: one line an event, to standard error; ids only, never a body, a token, a name or a query."""

from typing import Any


def configuration(*, debug: bool) -> dict[str, Any]:
    """Return a dictConfig for Django and Celery."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": "INFO"},
        "loggers": {
            "phr": {"level": "DEBUG" if debug else "INFO"},
            # The client libraries print URLs, and a URL can be a secret.
            "httpx2": {"level": "WARNING"},
            "httpcore2": {"level": "WARNING"},
            # Three lines for each ring, every five seconds.
            "celery.app.trace": {"level": "WARNING"},
            "celery.beat": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
            # Prints tokens when it debugs.
            "authlib": {"level": "WARNING"},
        },
    }
