# The command line: for jobs that submit batches.
#
#   docker build -f deploy/images/cli.Dockerfile -t pullback/cli:0.1.0 .
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
      -c constraints.txt --build-constraint constraints.txt ".[files]"
COPY deploy/images/finish.py ./
RUN python finish.py /opt/pullback

FROM ${BASE}
ARG BASE
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="Pullback cli" \
      org.opencontainers.image.description="Submits and collects batches of tensor programs" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="${BASE}"

COPY --from=build /opt/pullback /opt/pullback
ENV PATH=/opt/pullback/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /tmp
ENTRYPOINT ["pullback"]
