#!/bin/sh
# Installs nginx, which the tests of the probe put in front of an agent, from the system's packages. Nothing happens when
# it is there.
set -eu
PATH="$PATH:/usr/sbin:/usr/local/sbin"
if command -v nginx >/dev/null 2>&1; then exit 0; fi
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nginx-light >/dev/null
elif command -v apt-get >/dev/null 2>&1 && command -v sudo >/dev/null 2>&1; then
    sudo apt-get update -qq && sudo apt-get install -y -qq --no-install-recommends nginx-light >/dev/null
else
    echo "Install nginx, then run this again: the tests of the probe attack one." >&2
    exit 1
fi
