# The gateway. It imports no torch, and none is in here.
#
#   docker build -f deploy/images/gateway.Dockerfile -t pullback/gateway:0.1.0 .
#
# BASE is pinned by version; whoever builds for production gives it with that version's digest, too:
#   --build-arg BASE=python:3.11-slim-bookworm@sha256:...
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore PYTHONDONTWRITEBYTECODE=1
WORKDIR /src
# What is installed has no pip of its own: nothing is installed at run time.
RUN python -m venv --without-pip /opt/pullback \
 && python -m venv /opt/tools \
 && /opt/tools/bin/python -m pip install -q pip==26.3 cyclonedx-bom==7.5.0
COPY constraints.txt pyproject.toml README.md LICENSE ./

COPY proto proto
COPY services services
COPY workers workers
RUN /opt/tools/bin/pip --python /opt/pullback/bin/python install --no-compile -q \
      -c constraints.txt --build-constraint constraints.txt ".[gateway]"
COPY deploy/images/finish.py ./
RUN python finish.py /opt/pullback

FROM ${BASE}
ARG BASE
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="Pullback gateway" \
      org.opencontainers.image.description="Takes tensor programs over gRPC, checks them, and queues them for workers" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="${BASE}"

COPY --from=build /opt/pullback /opt/pullback
ENV PATH=/opt/pullback/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PULLBACK_LISTEN=0.0.0.0:50051 \
    PULLBACK_METRICS_LISTEN=127.0.0.1:9464
USER 10001:10001
WORKDIR /tmp
EXPOSE 50051 9464
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s CMD ["python", "-m", "pullback.telemetry.probe", "/readyz"]
ENTRYPOINT ["python", "-m", "pullback.gateway"]
