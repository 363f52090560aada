# The services that the example needs, from Debian's packages: real ones, on any network.
FROM debian:bookworm-slim AS postgres
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends postgresql-15 \
    && rm -rf /var/lib/apt/lists/* && rm -rf /var/lib/postgresql/15
COPY --chmod=755 <<'SCRIPT' /usr/local/bin/start
#!/bin/sh
set -eu
export PATH="/usr/lib/postgresql/15/bin:$PATH" PGDATA=/tmp/data
printf '%s' "$POSTGRES_PASSWORD" > /tmp/password
initdb --username=shop --pwfile=/tmp/password --auth-host=scram-sha-256 --no-sync >/dev/null
echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
exec postgres -c listen_addresses='*' -c unix_socket_directories=/tmp
SCRIPT

USER postgres
CMD ["start"]

FROM debian:bookworm-slim AS redis
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends redis-server \
    && rm -rf /var/lib/apt/lists/*
USER redis
CMD ["redis-server", "--bind", "0.0.0.0", "--protected-mode", "no", "--save", "", "--dir", "/tmp"]
