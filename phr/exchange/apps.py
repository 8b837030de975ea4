from django.apps import AppConfig


class ExchangeConfig(AppConfig):
    name = "phr.exchange"
    label = "exchange"
