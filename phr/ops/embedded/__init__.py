"""Postgres and Valkey from pip wheels, driven by our own launchers: plain Python, no Django."""
