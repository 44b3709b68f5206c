#!/usr/bin/env bash
# Starts a private S3 server (Ceph radosgw over one store in memory) on 127.0.0.1 for tests and prints how to reach it.
#
#   tools/s3-up.sh FOLDER     FOLDER is made and belongs to this server alone
#   tools/s3-down.sh FOLDER   stops it and deletes the folder
#
# It checks signatures, and has multipart uploads and conditional writes, as S3 has. All data is gone when it ends.
set -euo pipefail
folder=${1:?usage: s3-up.sh FOLDER}

if ! command -v radosgw >/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ceph-mon ceph-osd radosgw ceph-common curl; } >&2
    else
        echo "radosgw was not found. Install it (Debian: apt-get install ceph-mon ceph-osd radosgw ceph-common) or set ETL_TEST_S3 to a server: endpoint=URL;access_key=KEY;secret_key=SECRET" >&2
        exit 1
    fi
fi

mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
chmod 700 "$folder"
mkdir -p "$folder"/{mon,osd,mgr,rgw,run,log}

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
free_port() {
    local port
    while :; do
        port=$((30000 + RANDOM % 2000))
        listens "$port" || break
    done
    echo "$port"
}

port=$(free_port)
monitor=$(free_port)
access=etl$(od -An -N6 -tx1 /dev/urandom | tr -d ' \n')
secret=$(od -An -N20 -tx1 /dev/urandom | tr -d ' \n')
cluster=$(cat /proc/sys/kernel/random/uuid)
configuration=$folder/ceph.conf
# A socket's path has room for some 100 characters, and the folder's may be longer.
sockets=$(mktemp -d /tmp/etl-s3.XXXXXX)
echo "$sockets" >"$folder/sockets"
cat >"$configuration" <<TEXT
[global]
fsid = $cluster
mon host = v1:127.0.0.1:$monitor
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind ipv4 = true
ms bind ipv6 = false
ms bind msgr2 = false
auth cluster required = none
auth service required = none
auth client required = none
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
mon allow pool size one = true
mon warn on pool no redundancy = false
mon max pg per osd = 1000
osd crush chooseleaf type = 0
osd objectstore = memstore
memstore device bytes = 4294967296
osd max object name len = 256
osd max object namespace len = 64
run dir = $sockets
admin socket = $sockets/\$name.asok
log file = $folder/log/\$name.log
pid file = $folder/run/\$name.pid
keyring = $folder/keyring
mon data = $folder/mon
osd data = $folder/osd
osd journal = $folder/osd/journal
osd journal size = 128
mgr data = $folder/mgr
rgw data = $folder/rgw
rgw frontends = beast endpoint=127.0.0.1:$port
rgw gc max objs = 8
rgw num control oids = 1
rgw rados pool pg num min = 1
rgw enable apis = s3, admin
rgw dns name = localhost
debug mon = 0
debug osd = 0
debug ms = 0
debug rgw = 0
mon data avail warn = 1
mon data avail crit = 0
paxos propose interval = 0.05
paxos min wait = 0.01
mon osd min up ratio = 0
TEXT
touch "$folder/keyring"

start() {
    monmaptool --create --clobber --fsid "$cluster" --addv a "[v1:127.0.0.1:$monitor]" "$folder/monmap" >/dev/null
    ceph-mon -c "$configuration" --mkfs -i a --monmap "$folder/monmap" --keyring "$folder/keyring"
    ceph-mon -c "$configuration" -i a
    local disk
    disk=$(cat /proc/sys/kernel/random/uuid)
    ceph -c "$configuration" osd new "$disk" >/dev/null
    ceph-osd -c "$configuration" -i 0 --mkfs --osd-uuid "$disk"
    # It may ask the monitor before it knows whose it is ("wrong fsid"), and ends then.
    local attempt
    for attempt in 1 2 3 4 5 6 7 8 9 10; do
        ceph-osd -c "$configuration" -i 0 && break
        [ "$attempt" -lt 10 ]
        sleep 0.2
    done
    radosgw -c "$configuration" -n client.rgw.a
    for _ in $(seq 1 240); do
        if listens "$port"; then
            radosgw-admin -c "$configuration" user create --uid=etl --display-name=etl --access-key="$access" --secret-key="$secret" >/dev/null
            return
        fi
        sleep 0.25
    done
    echo "radosgw does not listen" >&2
    return 1
}

# The servers leave the script, and must not keep its output open.
set +e
(set -e; start) </dev/null >"$folder/log/start" 2>&1
started=$?
set -e
if [ $started != 0 ]; then
    echo "the S3 server did not start; $folder/log/start:" >&2
    tail -n 20 "$folder/log/start" >&2
    exit 1
fi
echo "ETL_TEST_S3=endpoint=http://127.0.0.1:$port;access_key=$access;secret_key=$secret"
