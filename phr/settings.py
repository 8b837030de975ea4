"""Django's settings, read from the environment (core.environment says what each variable means)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from phr.core import environment, logs, mail, roles

env = environment.read()
ROOT = Path(__file__).resolve().parent.parent

# manage.py and the supervisor fill what is not set with the embedded servers and keys. Whoever loads the settings
# without them (a type checker) gets empty ones, which Django and the keyring refuse at their first use.
SECRET_KEY = env.secret_key or ""
DEBUG = env.debug
ALLOWED_HOSTS = [urlsplit(env.base_url).hostname, *env.allowed_hosts]
PHR_BASE_URL = env.base_url
PHR_KEYRING = env.keyring or ""
PHR_EGRESS_ALLOW = env.egress_allow
PHR_PROFILES_DIR = env.profiles_dir
PHR_DATA_DIR = env.data_dir

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",  # allauth's list of passkeys writes its dates with it
    "django.contrib.postgres",
    "django_htmx",
    "heroicons",
    "phr.accounts",
    "phr.sources",
    "phr.records",
    "phr.timeline",
    "phr.sync",
    "phr.exchange",
    "phr.ops",  # before Django's own, whose `migrate` it replaces
    "phr.web",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "django.contrib.admin",
]

MIDDLEWARE = [
    # A timeline is mostly markup: a twelfth of its bytes travel. Django pads the answer's length against BREACH.
    "django.middleware.gzip.GZipMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "phr.web.middleware.security_headers",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "phr.urls"
WSGI_APPLICATION = "phr.wsgi.application"
ASGI_APPLICATION = "phr.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "phr.web.context.page",
            ],
        },
    },
]


# One address, three roles: the owner of the tables migrates; the application and the operator's commands each have a
# role of their own under row level security (core.roles).
def _database(user: str | None = None) -> dict[str, Any]:
    address = env.database or environment.DatabaseAddress(
        host="", port=5432, name="phr", user="", password=""
    )
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": address.name,
        "USER": user or address.user,
        "PASSWORD": roles.password(user, secret_key=SECRET_KEY) if user else address.password,
        "HOST": address.host,
        "PORT": str(address.port),
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            **dict(address.options),
            # Longer than the refresh of a grant may take, which is the one HTTP call made under a row lock.
            "options": "-c idle_in_transaction_session_timeout=90s -c lock_timeout=60s",
        },
    }


DATABASES = {
    "default": _database(roles.APP),
    "operator": _database(roles.OPERATOR),
    "owner": _database(),
}
DATABASE_ROUTERS = ["phr.core.routing.OwnerMigrates"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
ACCOUNT_ADAPTER = "phr.accounts.adapter.Adapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_UNIQUE_EMAIL = True
ACCOUNT_PREVENT_ENUMERATION = True
# A home server has no mail until its operator sets PHR_EMAIL_URL; it then asks new users to confirm.
ACCOUNT_EMAIL_VERIFICATION = "mandatory" if env.email_url else "none"
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_LOGOUT_ON_GET = False
ALLAUTH_TRUSTED_PROXY_COUNT = env.trusted_proxy_count
MFA_ADAPTER = "phr.accounts.adapter.MfaAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
# Where no mail goes out, no address can be confirmed; a second factor must not wait for that.
MFA_ALLOW_UNVERIFIED_EMAIL = not env.email_url
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGOUT_REDIRECT_URL = "/"

_https = env.base_url.startswith("https://")
SESSION_COOKIE_AGE = int(timedelta(minutes=30).total_seconds())
SESSION_SAVE_EVERY_REQUEST = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
# A browser takes the prefix only over https.
SESSION_COOKIE_NAME = "__Host-session" if _https else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if _https else "csrf"
CSRF_FAILURE_VIEW = "phr.web.views.errors.csrf_failure"
CSRF_TRUSTED_ORIGINS = [env.base_url]
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.trusted_proxy_count else None
X_FRAME_OPTIONS = "DENY"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English")]
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = env.static_dir or env.data_dir / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if env.debug
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

PHR_REGISTRATION_OPEN = env.registration_open
PHR_INSECURE_HTTP = env.insecure_http

CELERY_BROKER_URL = env.redis_url
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_TIME_LIMIT = 300
CELERY_TIMEZONE = "UTC"
# The broker is a doorbell: a ring lost with a worker is rung again by beat, so redelivery need not be slow to come.
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 600, "unacked_restore_interval": 10}
CELERY_BEAT_SCHEDULE = {
    "ring": {"task": "phr.sync.tasks.ring", "schedule": timedelta(seconds=5)},
    "ring_exports": {"task": "phr.exchange.tasks.ring_exports", "schedule": timedelta(seconds=5)},
}

globals().update(mail.configuration(env.email_url, outbox=env.data_dir / "log" / "outbox"))

LOGGING = logs.configuration(debug=env.debug)
