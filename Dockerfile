# The worker, and in the stage `world` what surrounds it in the local cluster.
# `docker build .` builds the worker; `docker build --target world .` the stub APIs and the event generator.
# `make image` gives the base by digest, and what the labels say.

ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
# Bytecode is made here, because nothing can be written where a worker runs: without it a start costs three seconds more.
ENV UV_PYTHON_DOWNLOADS=never VIRTUAL_ENV=/opt/saving-alerts UV_COMPILE_BYTECODE=1 PYC_INVALIDATION_MODE=UNCHECKED_HASH
WORKDIR /build
COPY requirements/build.lock requirements/
RUN pip install --no-cache-dir --require-hashes --requirement requirements/build.lock
COPY requirements/runtime.lock requirements/
RUN uv venv --quiet "$VIRTUAL_ENV" && uv pip sync --no-cache --require-hashes requirements/runtime.lock
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY saving_alerts saving_alerts
RUN uv build --no-cache --wheel --build-constraints requirements/build.lock --require-hashes --out-dir dist \
    && uv pip install --no-cache --no-deps dist/*.whl

FROM build AS world-build
COPY requirements/world.lock requirements/
RUN uv pip install --no-cache --require-hashes --requirement requirements/world.lock

# What both images stand on. The installers of the base image have no work left.
FROM ${PYTHON_IMAGE} AS base
RUN python -m pip uninstall --yes --quiet pip setuptools wheel \
    && groupadd --gid 10001 saving-alerts \
    && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin saving-alerts \
    && install --directory --owner=saving-alerts /var/lib/saving-alerts
ENV PATH=/opt/saving-alerts/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /app
USER 10001:10001

FROM base AS world
COPY --from=world-build /opt/saving-alerts /opt/saving-alerts
COPY demo demo
CMD ["python", "-m", "demo.containers.load", "--help"]

FROM base AS worker
COPY --from=build /opt/saving-alerts /opt/saving-alerts
COPY LICENSE NOTICE /usr/share/doc/saving-alerts/
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=unknown
ARG SOURCE=unknown
ARG PYTHON_IMAGE
LABEL org.opencontainers.image.title="Saving alerts" \
    org.opencontainers.image.description="One worker: from an event on Kafka to one push, or to a decision that says why not." \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}" \
    org.opencontainers.image.created="${CREATED}" \
    org.opencontainers.image.source="${SOURCE}" \
    org.opencontainers.image.base.name="${PYTHON_IMAGE}"
ENV SAVING_ALERTS_WEB_HOST=0.0.0.0
EXPOSE 6066
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ.get('SAVING_ALERTS_WEB_PORT', 6066)}/health/live\", timeout=4)"]
ENTRYPOINT ["saving-alerts"]
CMD ["worker"]
