from django.apps import AppConfig


class SyncConfig(AppConfig):
    name = "phr.sync"
    label = "sync"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Make our Celery application the current one in web and commands too: shared tasks ring through it."""
        import phr.celery  # noqa: F401, PLC0415 - settings are ready only now
