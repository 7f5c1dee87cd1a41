#!/bin/sh
# The steps of the Dockerfile beside this file, for a container, for a root made by debootstrap and for a plain machine.
#
#   install.sh tools                  what building needs, of Debian's packages
#   install.sh build SOURCE PREFIX    an environment in PREFIX with LoFi, from the source tree in SOURCE
#   install.sh account FOLDER         the user lofi, and FOLDER, the only one that it writes to
#
# TORCH_INDEX, where it is set, names the index of packages that torch alone is taken from: a CPU build needs none of
# the gigabytes of CUDA that the usual one brings along.
set -eu

case "${1:-}" in
tools)
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends ca-certificates gcc g++ python3-dev python3-venv
    ;;
build)
    source=$2 prefix=$3
    "${PYTHON:-python3}" -m venv "$prefix"
    pip="$prefix/bin/python -m pip --no-cache-dir --disable-pip-version-check"
    # The same order as `make demo`: all but torch by hash, torch by version, then LoFi itself without asking further.
    $pip install --quiet --require-hashes --no-deps -r "$source/.ci/requirements.lock"
    $pip install --quiet ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} "$(grep '^torch==' "$source/requirements.txt")"
    $pip install --quiet --no-deps "$source"
    ;;
account)
    folder=$2
    getent passwd lofi >/dev/null || useradd --system --uid 10001 --user-group --no-create-home --home-dir "$folder" lofi
    mkdir -p "$folder"
    chown lofi:lofi "$folder"
    chmod 700 "$folder"
    ;;
*)
    echo "tools, build SOURCE PREFIX or account FOLDER" >&2
    exit 2
    ;;
esac
