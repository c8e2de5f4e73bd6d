#!/usr/bin/env bash
# Installs `ip`, with which the WebRTC tests make a network of their own, unless it is there. Needs apt-get, and root or
# sudo, and says so where it has neither.
set -euo pipefail

say() { printf 'install-iproute2: %s\n' "$*"; }
if command -v ip >/dev/null; then
  say "found $(command -v ip)"
  exit 0
fi
run=()
[ "$(id -u)" -eq 0 ] || run=(sudo)
command -v apt-get >/dev/null || { say 'no ip, and no apt-get to install it: install iproute2 by hand' >&2; exit 1; }
"${run[@]}" apt-get update -q
"${run[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends iproute2
say 'installed iproute2'
