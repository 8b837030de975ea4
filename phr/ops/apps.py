from django.apps import AppConfig


class OpsConfig(AppConfig):
    name = "phr.ops"
    label = "ops"
