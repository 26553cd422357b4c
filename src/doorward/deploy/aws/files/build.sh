#!/bin/sh
# Packs the functions and the agent for 64-bit ARM Linux into build/. Needs Python 3.11 or newer with pip; no container.
set -eu
cd "$(dirname "$0")"
python=${PYTHON:-python3}
rm -rf build
mkdir build
for part in functions agent; do
    [ -d "$part" ] || continue
    cp -R "$part" "build/$part"
    "$python" -m pip install --quiet --disable-pip-version-check --target "build/$part" \
        --platform manylinux_2_28_aarch64 --platform manylinux2014_aarch64 --implementation cp --python-version 3.13 \
        --only-binary=:all: --requirement "$part/requirements.txt"
    "$python" pack.py "build/$part"
done
