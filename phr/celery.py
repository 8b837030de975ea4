"""The Celery application: workers ring for due sources and work them."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "phr.settings")

app = Celery("phr")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["phr.sync", "phr.exchange"])
