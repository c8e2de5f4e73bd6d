#!/usr/bin/env bash
# Finds the Chromium that the browser tests use, in the places where test/browser/find-browser.ts looks, and installs
# Debian's if there is none. Says what it found or why there is none, and fails then. Installing needs apt-get, and
# root or sudo. The hidden-tab measurement also needs Xvfb; it is no test, and says so itself.
set -euo pipefail

say() { printf 'install-chromium: %s\n' "$*"; }
fail() {
  say "$*" >&2
  exit 1
}
readonly advice='install Chromium by hand, or name one in SHOAL_CHROMIUM'

if [ -n "${SHOAL_CHROMIUM:-}" ]; then
  [ -x "$SHOAL_CHROMIUM" ] || fail "SHOAL_CHROMIUM is $SHOAL_CHROMIUM, which is no executable file"
  say "found $SHOAL_CHROMIUM (SHOAL_CHROMIUM)"
  exit 0
fi
for browser in /usr/bin/chromium /usr/bin/chromium-browser /usr/bin/google-chrome-stable; do
  [ -x "$browser" ] || continue
  say "found $browser"
  exit 0
done

command -v apt-get >/dev/null || fail "no Chromium, and no apt-get to install one: $advice"
run=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || fail "no Chromium, and neither root nor sudo to install one: $advice"
  run=(sudo)
fi
say 'no Chromium found, installing the one of this distribution'
"${run[@]}" apt-get update -q
"${run[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends chromium ||
  fail "apt-get could not install chromium: $advice"
[ -x /usr/bin/chromium ] || fail "apt-get installed chromium, but there is no /usr/bin/chromium: $advice"
say 'installed /usr/bin/chromium'
