#!/usr/bin/env bash
# Stops a cluster that tools/postgres-up.sh started and deletes its folder.
set -euo pipefail
folder=$(cd "${1:?usage: postgres-down.sh FOLDER}" && pwd)
if [ ! -f "$folder/data/PG_VERSION" ]; then
    echo "$folder holds no cluster of postgres-up.sh; nothing was done." >&2
    exit 1
fi

version=$(cat "$folder/data/PG_VERSION")
control=$(ls "/usr/lib/postgresql/$version/bin/pg_ctl" "/usr/pgsql-$version/bin/pg_ctl" 2>/dev/null | head -n 1 || true)
control=${control:-$(command -v pg_ctl)}
if [ -f "$folder/data/postmaster.pid" ]; then
    if [ "$(id -u)" = 0 ]; then
        (cd / && runuser -u postgres -- "$control" -D "$folder/data" -m fast -w stop >/dev/null)
    else
        "$control" -D "$folder/data" -m fast -w stop >/dev/null
    fi
fi
rm -rf "$folder"
