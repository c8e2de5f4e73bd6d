#!/usr/bin/env bash
# Installs Debian's Chromium for the browser tests, unless one is there. Needs root, or sudo.
set -euo pipefail
[ -x /usr/bin/chromium ] && exit 0
run=()
[ "$(id -u)" -eq 0 ] || run=(sudo)
export DEBIAN_FRONTEND=noninteractive
"${run[@]}" apt-get update -q
"${run[@]}" apt-get install -y -q --no-install-recommends chromium
