#!/bin/sh
# Make a virtual environment that works, or say in one sentence why not.
# usage: make_venv.sh PYTHON FOLDER
set -eu
python=$1
folder=$2

if [ -z "$python" ]; then
    echo "stillhunt needs Python 3.11 or newer and found none; install it, or name one: make PYTHON=/path/to/python3" >&2
    exit 1
fi
if ! command -v "$python" >/dev/null; then
    echo "there is no program called $python; name a Python 3.11 or newer: make PYTHON=/path/to/python3" >&2
    exit 1
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "stillhunt needs Python 3.11 or newer; this is $("$python" --version 2>&1)" >&2
    exit 1
fi

# An environment may be there and broken: interrupted, moved, or its Python removed by an upgrade.
if [ -d "$folder" ]; then
    if "$folder/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
        && "$folder/bin/python" -m pip --version >/dev/null 2>&1; then
        exit 0
    fi
    rm -rf "$folder"
fi

echo "making $folder with $("$python" --version 2>&1)"
# Debian splits ensurepip off into python3-venv; an installed pip can stand in for it.
if "$python" -m venv "$folder" >/dev/null 2>&1; then
    exit 0
fi
rm -rf "$folder"
if "$python" -m pip --version >/dev/null 2>&1 \
    && "$python" -m venv --without-pip "$folder" \
    && "$python" -m pip --python "$folder/bin/python" --disable-pip-version-check --quiet install pip; then
    exit 0
fi
rm -rf "$folder"
echo "this Python cannot make virtual environments; on Debian or Ubuntu: apt-get install python3-venv" >&2
exit 1
