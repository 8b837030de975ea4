"""Talk to patient portals over SMART on FHIR: plain Python, without Django, Celery or a database."""
