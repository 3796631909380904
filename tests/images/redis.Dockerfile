# A Redis to try our images with, where the one of the manifests cannot be pulled: Debian's, under the other's names.
ARG BASE=python:3.11-slim-bookworm
FROM ${BASE}
RUN apt-get update -qq \
 && apt-get install -qq --yes --no-install-recommends redis-server > /dev/null \
 && ln -s /usr/bin/redis-server /usr/local/bin/valkey-server \
 && ln -s /usr/bin/redis-server /usr/local/bin/valkey-sentinel \
 && ln -s /usr/bin/redis-cli /usr/local/bin/valkey-cli \
 && rm -rf /var/lib/apt/lists/*
USER 10002:10002
CMD ["valkey-server"]
