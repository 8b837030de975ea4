from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "phr.web"
    label = "web"
