# The worker, for the processor or, by a build argument, for GPUs.
#
#   docker build -f deploy/images/worker.Dockerfile -t pullback/worker:0.1.0 .
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

# torch by itself and first: its wheels come from an index for each kind of device, and are big. For GPUs:
#   --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu126 -t pullback/worker-gpu:0.1.0
# Empty: from where everything else comes.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN torch=$(grep "^torch==" constraints.txt) \
 && /opt/tools/bin/pip --python /opt/pullback/bin/python install --no-compile -q \
      ${TORCH_INDEX:+--index-url "${TORCH_INDEX}" --extra-index-url https://pypi.org/simple} -c constraints.txt "${torch}"

COPY proto proto
COPY services services
COPY workers workers
RUN /opt/tools/bin/pip --python /opt/pullback/bin/python install --no-compile -q \
      -c constraints.txt --build-constraint constraints.txt ".[worker]"
COPY deploy/images/finish.py ./
RUN python finish.py /opt/pullback

FROM ${BASE}
ARG BASE
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="Pullback worker" \
      org.opencontainers.image.description="Evaluates tensor programs under torch autograd, and answers through Redis" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="${BASE}"
# What evaluators make their filter of calls with.
RUN apt-get update -qq \
 && apt-get install -qq --yes --no-install-recommends libseccomp2 > /dev/null \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/cache/ldconfig/aux-cache /var/log/apt /var/log/dpkg.log /var/log/alternatives.log
COPY --from=build /opt/pullback /opt/pullback
ENV PATH=/opt/pullback/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PULLBACK_METRICS_LISTEN=127.0.0.1:9464
USER 10001:10001
WORKDIR /tmp
EXPOSE 9464
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=10s --start-period=120s CMD ["python", "-m", "pullback.telemetry.probe", "/livez"]
ENTRYPOINT ["python", "-m", "pullback.worker"]
