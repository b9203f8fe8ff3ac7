#!/usr/bin/env bash
# The tests run on one Node; users have several. This installs other versions from npm into a
# temporary folder (outside the lock file, so that nobody else pays for them), and under
# each: times a fresh install of the repository, and runs the built library (import, run,
# replay, SQLite by whatever driver that Node has).
# Usage: tools/node-versions.sh [VERSION …]   (default 22 24)
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
[ $# -gt 0 ] || set -- 22 24

for version in "$@"; do
  mkdir "$folder/node$version"
  (cd "$folder/node$version" && npm install --silent --no-save --prefix . "node@$version" < /dev/null)
  binary="$folder/node$version/node_modules/node/bin"
  PATH="$binary:$PATH" "$root/tools/clone-check.sh" --install-only
  PATH="$binary:$PATH" node --disable-warning=ExperimentalWarning "$root/tools/smoke.js" "$folder/smoke-$version.db"
done
