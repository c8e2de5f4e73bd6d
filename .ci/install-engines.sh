#!/usr/bin/env bash
# Installs what kernels are checked with besides Node.js and Chromium: Firefox and JavaScriptCore, in which the corpus of
# `npm run determinism` runs, and the compiler that builds the C kernels and WASI programs anew. An engine that cannot be
# had is only said here, and `npm run determinism` names it; without the compiler this fails, since tests compare what it
# makes. Needs apt-get, and root or sudo, and says so where it has neither.
set -uo pipefail

say() { printf 'install-engines: %s\n' "$*"; }

found() {
  case $1 in
    firefox) [ -x /usr/bin/firefox-esr ] || [ -x /usr/bin/firefox ] ;;
    jsc) [ -x /usr/bin/jsc ] || [ -x /usr/local/bin/jsc ] ;;
    clang)
      command -v clang-19 >/dev/null && command -v wasm-ld-19 >/dev/null && [ -d /usr/include/wasm32-wasi ] &&
        [ -d /usr/lib/llvm-19/lib/clang/19/lib/wasi ]
      ;;
  esac
}

packages() {
  case $1 in
    firefox) echo firefox-esr ;;
    jsc) echo libjavascriptcoregtk-4.0-bin ;;
    clang) echo clang-19 lld-19 wasi-libc libclang-rt-19-dev-wasm32 ;;
  esac
}

missing=()
for tool in firefox jsc clang; do
  if found "$tool"; then say "found $tool"; else missing+=("$tool"); fi
done
[ ${#missing[@]} -gt 0 ] || exit 0

run=()
[ "$(id -u)" -eq 0 ] || run=(sudo)
if command -v apt-get >/dev/null && { [ ${#run[@]} -eq 0 ] || command -v sudo >/dev/null; }; then
  "${run[@]}" apt-get update -q || say 'apt-get update failed'
  for tool in "${missing[@]}"; do
    # One by one, so that a package this distribution lacks costs only itself.
    # shellcheck disable=SC2046 # a tool may be several packages
    "${run[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $(packages "$tool") ||
      say "apt-get could not install $(packages "$tool")"
  done
else
  say 'no apt-get, or neither root nor sudo to use it'
fi

status=0
for tool in "${missing[@]}"; do
  if found "$tool"; then
    say "installed $tool"
  elif [ "$tool" = clang ]; then
    say "MISSING: $tool, which the tests need: install $(packages "$tool") by hand" >&2
    status=1
  else
    say "missing: $tool, so nothing runs in it"
  fi
done
exit $status
