#!/bin/sh
# The steps of the Dockerfile beside this file, for a container, for a root made by debootstrap and for a plain machine.
#
#   install.sh tools                  what building needs, of Debian's packages
#   install.sh build SOURCE PREFIX    an environment in PREFIX with LoFi, from the source tree in SOURCE
#   install.sh account FOLDER         the user lofi, and FOLDER, the only one that it writes to
#
# TORCH=cuda takes the build of torch for a GPU, with some gigabytes of CUDA; without it comes the processor's, for which
# TORCH_INDEX names another index of packages than PyTorch's own.
set -eu

case "${1:-}" in
tools)
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends ca-certificates gcc g++ python3-dev python3-venv
    ;;
build)
    source=$2 prefix=$3
    case "${TORCH:=cpu}" in
    cpu) index="--extra-index-url ${TORCH_INDEX:-https://download.pytorch.org/whl/cpu}" ;;
    cuda) index= ;;
    *)
        echo "TORCH must be cpu or cuda." >&2
        exit 2
        ;;
    esac
    "${PYTHON:-python3}" -m venv "$prefix"
    pip="$prefix/bin/python -m pip --no-cache-dir --disable-pip-version-check"
    locked="$pip install --quiet --require-hashes --no-deps"
    # As `make demo` does it, all by hash; then LoFi itself without asking further.
    $locked -r "$source/.ci/requirements.lock"
    # shellcheck disable=SC2086
    $locked $index -r "$source/.ci/torch-$TORCH.lock"
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
