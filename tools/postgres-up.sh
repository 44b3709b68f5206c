#!/usr/bin/env bash
# Starts a private PostgreSQL on 127.0.0.1 for tests and prints how to reach it as NAME=VALUE lines.
#
#   tools/postgres-up.sh FOLDER [PORT [PRIMARY]]   FOLDER is made and belongs to this cluster alone; PORT is a free one when absent or '';
#                                                  PRIMARY is the FOLDER of a running cluster, of which this becomes a hot standby
#   tools/postgres-down.sh FOLDER                  stops it and deletes the folder
#
# As root the server runs as the user postgres (it refuses to run as root), otherwise as you.
set -euo pipefail
folder=${1:?usage: postgres-up.sh FOLDER [PORT [PRIMARY]]}
port=${2:-}
primary=${3:-}

find_binaries() {
    ls -d /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql*/bin 2>/dev/null | sort -V | tail -n 1
}

binaries=$(find_binaries || true)
if [ -z "$binaries" ] && command -v initdb >/dev/null; then
    binaries=$(dirname "$(command -v initdb)")
fi
if [ -z "$binaries" ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql-15; } >&2
        binaries=$(find_binaries)
    else
        echo "PostgreSQL's server programs were not found. Install them (Debian: apt-get install postgresql-15; Fedora: dnf install postgresql-server; macOS: brew install postgresql@15) or set ETL_TEST_POSTGRES to a server." >&2
        exit 1
    fi
fi

mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
as_owner() { "$@"; }
if [ "$(id -u)" = 0 ]; then
    chown postgres "$folder"
    as_owner() { (cd / && exec runuser -u postgres -- "$@"); }
fi
chmod 700 "$folder"

if [ -n "$primary" ]; then
    password=$(cat "$primary/password")
else
    password=$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')
fi
(umask 077 && printf '%s\n' "$password" > "$folder/password")
if [ "$(id -u)" = 0 ]; then chown postgres "$folder/password"; fi

if [ -n "$primary" ]; then
    PGPASSWORD=$password as_owner "$binaries/pg_basebackup" -D "$folder/data" -R -c fast -h 127.0.0.1 -p "$(sed -n 4p "$primary/data/postmaster.pid")" -U etl
elif [ ! -d "$folder/data" ]; then
    as_owner "$binaries/initdb" -D "$folder/data" -A scram-sha-256 --pwfile="$folder/password" -U etl -E UTF8 --locale=C.UTF-8 >/dev/null
fi

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
attempts=${port:+1}
for _ in $(seq "${attempts:-10}"); do
    if [ -z "${2:-}" ]; then
        port=$((20000 + RANDOM % 10000))
        if listens "$port"; then continue; fi
    fi
    # Durability against a power cut is no subject of a test cluster; against a killed server it holds without fsync too.
    if as_owner "$binaries/pg_ctl" -D "$folder/data" -w -l "$folder/log" -o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories=$folder -c fsync=off -c wal_level=logical -c max_prepared_transactions=50 -c max_connections=200 -c max_wal_size=4GB" start >/dev/null; then
        echo "PGHOST=127.0.0.1"
        echo "PGPORT=$port"
        echo "PGUSER=etl"
        echo "PGPASSWORD=$password"
        echo "PGDATABASE=postgres"
        echo "ETL_TEST_POSTGRES=Host=127.0.0.1;Port=$port;Username=etl;Password=$password;Database=postgres"
        exit 0
    fi
done
echo "PostgreSQL did not start; the end of $folder/log:" >&2
tail -n 20 "$folder/log" >&2
exit 1
