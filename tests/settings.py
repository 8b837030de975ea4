"""The settings of the suite: those of the program, with keys of its own; tests/conftest.py gives the database."""

import base64
import os

os.environ.setdefault(
    "PHR_SECRET_KEY", "a key for tests alone, which signs nothing that anybody keeps 0123456789"
)
os.environ.setdefault("PHR_KEYRING", base64.urlsafe_b64encode(bytes(range(32))).decode())

from phr.settings import *  # noqa: F403

# The real hasher takes a fifth of a second on purpose.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

# Static files come from where they were written; there is no collected folder, which whitenoise would warn of.
WHITENOISE_AUTOREFRESH = True
WHITENOISE_USE_FINDERS = True
