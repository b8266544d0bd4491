#!/bin/sh
# Install into a virtual environment with uv, which takes a third of pip's time, or with pip where uv cannot be had.
# usage: install.sh PYTHON_OF_THE_ENVIRONMENT ARGUMENTS_OF_PIP_INSTALL...
set -eu
python=$1
shift

# uv does not read pip's settings: a mirror, wheels on disk or a constraint that pip is told of holds for uv as well.
setting() {
    "$python" -m pip config list 2>/dev/null | sed -nE "s/^(global|install|:env:)\\.$1='(.*)'\$/\\2/p" | tail -n 1
}

install_with_uv() {
    "$python" -m uv --version >/dev/null 2>&1 \
        || "$python" -m pip install --quiet --only-binary :all: --disable-pip-version-check --no-input uv || return 1
    UV_DEFAULT_INDEX=${UV_DEFAULT_INDEX:-$(setting index-url)}
    UV_FIND_LINKS=${UV_FIND_LINKS:-$(setting find-links)}
    UV_CONSTRAINT=${UV_CONSTRAINT:-$(setting constraint)}
    SSL_CERT_FILE=${SSL_CERT_FILE:-$(setting cert)}
    for name in UV_DEFAULT_INDEX UV_FIND_LINKS UV_CONSTRAINT SSL_CERT_FILE; do
        eval "value=\$$name"
        if [ -n "$value" ]; then export "$name"; else unset "$name"; fi
    done
    "$python" -m uv pip install --python "$python" --quiet "$@"
}

if install_with_uv "$@"; then
    exit 0
fi
echo "uv could not install this; pip tries it" >&2
# Groups are known to pip since 25.1. These two are published as source only: nothing is compiled.
"$python" -m pip install --quiet --disable-pip-version-check --no-input --only-binary :all: 'pip>=25.1'
exec "$python" -m pip install --quiet --disable-pip-version-check --no-input --progress-bar off \
    --only-binary :all: --no-binary cpe --no-binary pyspark "$@"
