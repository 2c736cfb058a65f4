#!/bin/bash
# Stands in for the entry point of the official image of PostgreSQL, as its documentation describes it: on an empty
# data folder initdb with POSTGRES_INITDB_ARGS and the password of POSTGRES_PASSWORD_FILE, a start on its socket only,
# TCP for everybody with a password; then the server becomes the process. Started as a user, it stays one.
set -euo pipefail
[ "${1:0:1}" != - ] || set -- postgres "$@"
if [ "$1" = postgres ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
  mkdir -p "$PGDATA" && chmod 700 "$PGDATA"
  eval "initdb -D '$PGDATA' --username=postgres --pwfile='$POSTGRES_PASSWORD_FILE' ${POSTGRES_INITDB_ARGS:-}"
  printf '\nhost all all all scram-sha-256\n' >> "$PGDATA/pg_hba.conf"
  pg_ctl -D "$PGDATA" -o "$(printf '%q ' "${@:2}") -c listen_addresses='' -p ${PGPORT:-5432}" -w start
  PGPASSWORD="$(cat "$POSTGRES_PASSWORD_FILE")" psql -v ON_ERROR_STOP=1 -U postgres -d postgres -c 'SELECT 1'
  pg_ctl -D "$PGDATA" -m fast -w stop
fi
exec "$@"
