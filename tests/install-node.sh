#!/bin/sh
# Installs Node.js from the system's packages: the tests sign in at an OpenID provider that runs on it. Nothing happens
# when it is there.
set -eu
if command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1; then exit 0; fi
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs npm >/dev/null
elif command -v apt-get >/dev/null 2>&1 && command -v sudo >/dev/null 2>&1; then
    sudo apt-get update -qq && sudo apt-get install -y -qq --no-install-recommends nodejs npm >/dev/null
else
    echo "Install Node.js with npm, then run this again: the tests run an OpenID provider on it." >&2
    exit 1
fi
