#!/usr/bin/env bash
# Does a newcomer's first minute work? What is on this machine (build output, links, global
# tools) can hide that the committed tree does not build. So: clone into a temporary folder,
# run the README's two command lines there, and say how long each took.
# Usage: tools/clone-check.sh [--install-only]
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT

# Runs a command without input, its output kept until it is needed: timed LABEL COMMAND …
timed() {
  local label="$1" begin=$SECONDS
  shift
  if ! "$@" < /dev/null > "$folder/log" 2>&1; then
    tail -n 60 "$folder/log" >&2
    printf 'FAILED after %s s: %s\n' "$((SECONDS - begin))" "$label" >&2
    exit 1
  fi
  printf '%s s: %s\n' "$((SECONDS - begin))" "$label"
}

git clone --quiet --no-local "$root" "$folder/clone"
cd "$folder/clone"
printf 'node %s, npm %s, commit %s\n' "$(node --version)" "$(npm --version)" "$(git rev-parse --short HEAD)"

# A compiler would hide a driver without a prebuilt binary: these stand in front of it and fail.
mkdir "$folder/no-compiler"
for name in gcc g++ cc c++ clang make cmake; do
  printf '#!/bin/sh\necho "a compiler was called: %s" >&2\nexit 1\n' "$name" > "$folder/no-compiler/$name"
  chmod +x "$folder/no-compiler/$name"
done

timed 'npm ci' env PATH="$folder/no-compiler:$PATH" npm ci
[ "${1:-}" = --install-only ] && exit 0
# The demo stays up for a person to look around; here it ends by itself.
timed 'npm run demo' npm run demo -- --once
timed 'npm test' env CI=true npm test
[ -z "$(git status --porcelain)" ] || { git status --short; printf 'the tests left files behind\n' >&2; exit 1; }
