#!/usr/bin/env bash
# Stops a server that tools/s3-up.sh started and deletes its folder.
set -euo pipefail
folder=$(cd "${1:?usage: s3-down.sh FOLDER}" && pwd)
if [ ! -f "$folder/ceph.conf" ]; then
    echo "$folder holds no server of s3-up.sh; nothing was done." >&2
    exit 1
fi

# All that it holds is in memory, so there is nothing to end in order.
for file in "$folder"/run/*.pid; do
    if [ -f "$file" ]; then kill -9 "$(cat "$file")" 2>/dev/null || true; fi
done
if [ -f "$folder/sockets" ]; then rm -rf "$(cat "$folder/sockets")"; fi
rm -rf "$folder"
