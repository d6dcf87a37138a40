# One image for every function and the gateway; the manifest's arguments choose:
#   functions.write_task.main:main.door --port 8080
#   gateway.app:create_app --factory --ws auto --port 8080
# The same sources give the same files. For the same digest as well, times must be pinned:
#   docker buildx build --build-arg SOURCE_DATE_EPOCH=$(git log -1 --format=%ct) \
#     --output type=image,name=taskflow,rewrite-timestamp=true .
ARG PYTHON=python:3.11.16-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b
ARG NODE=node:22.23.3-bookworm-slim@sha256:43ac6c60b8f89723f746e8a92ce91abd5017e627ce1ddfe4238355d3a30b772c

FROM ${NODE} AS page
WORKDIR /web
ENV NEXT_TELEMETRY_DISABLED=1
COPY web/package.json web/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY web .
RUN npm run build

FROM ${PYTHON} AS base

FROM ${PYTHON} AS whole
ARG SOURCE_DATE_EPOCH=0
ENV PYTHONDONTWRITEBYTECODE=1
RUN apt-get update -q && apt-get install -qy --no-install-recommends binutils
WORKDIR /build
COPY --from=base / /image
COPY pyproject.toml requirements.lock infra/image/ ./
RUN python select_packages.py pyproject.toml requirements.lock > image.lock \
 && pip install --quiet --no-cache-dir --no-compile --no-deps --require-hashes \
    --ignore-installed --root-user-action=ignore --prefix /image/usr/local -r image.lock
COPY taskflow /image/app/taskflow
COPY functions /image/app/functions
COPY gateway /image/app/gateway
COPY local /image/app/local
COPY dapr /image/app/dapr
COPY keda /image/app/keda
COPY infra/kubernetes/base/topics /image/app/infra/kubernetes/base/topics
COPY --from=page /web/out /image/app/web/out
RUN sh slim.sh /image

# From nothing, so that what was taken away weighs nothing.
FROM scratch
COPY --from=whole /image /
ENV PATH=/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8 \
    HOME=/tmp TASKFLOW_DATA=/tmp/taskflow \
    PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 UVICORN_HOST=0.0.0.0
WORKDIR /app
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["python", "-m", "uvicorn", "--loop", "uvloop", "--http", "httptools", "--ws", "none", "--no-access-log", "--log-level", "warning", "--timeout-graceful-shutdown", "30"]
