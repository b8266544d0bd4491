#!/bin/sh
# Run a command with its temporary files in memory, where there is room, and remove them afterwards.
# usage: in_memory.sh COMMAND...
# Tests write, sync and delete tens of thousands of small files, most of them of databases: some of these tests took 213 s
# in memory, and 376 on a disk that others used as well. All together need some 3 GB for that.
set -eu

has_room_in_memory() {
    options=$(findmnt --noheadings --output OPTIONS --target /dev/shm 2>/dev/null) || return 1
    case $options in *noexec*) return 1 ;; esac
    free=$(df --output=avail --block-size=1G /dev/shm | tail -n 1)
    available=$(awk '/^MemAvailable/ { print int($2 / 1024 / 1024) }' /proc/meminfo)
    [ "$free" -ge 6 ] && [ "$available" -ge 12 ]
}

if [ -n "${TMPDIR:-}" ] || ! has_room_in_memory; then
    exec "$@"
fi
TMPDIR=$(mktemp -d /dev/shm/stillhunt-tests-XXXX)
export TMPDIR
chmod 711 "$TMPDIR" # a database server runs as another user
trap 'rm -rf "$TMPDIR"' EXIT
trap 'exit 130' INT TERM
"$@"
