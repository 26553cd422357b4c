#!/bin/sh
# Packs the functions and the agent for 64-bit ARM Linux into build/. Needs Python 3.11 or newer with pip; no container.
# With the Python that they run on, the packages are compiled too: they start in half the time.
set -eu
cd "$(dirname "$0")"
version=3.13
python=${PYTHON:-}
if [ -z "$python" ]; then
    python=python3
    if "python$version" -m pip --version >/dev/null 2>&1; then python=python$version; fi
fi
rm -rf build
mkdir build
for part in functions agent; do
    [ -d "$part" ] || continue
    cp -R "$part" "build/$part"
    "$python" -m pip install --quiet --disable-pip-version-check --no-compile --target "build/$part" \
        --platform manylinux_2_28_aarch64 --platform manylinux2014_aarch64 --implementation cp --python-version "$version" \
        --only-binary=:all: --requirement "$part/requirements.txt"
    "$python" pack.py "build/$part" "$version"
done
