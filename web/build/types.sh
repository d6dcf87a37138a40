#!/bin/sh
# Writes the types of the interface from the gateway's own OpenAPI, to the file that is named or else
# to the page's; nothing has to run for it.
set -eu
cd "$(dirname "$0")/.."
described=$(mktemp)
trap 'rm -f "$described"' EXIT
PYTHONPATH=.. ../.venv/bin/python -c '
import json
from gateway.app import create_app
from taskflow.settings import Settings
print(json.dumps(create_app(Settings(secret="-" * 32)).openapi()))
' >"$described"
node_modules/.bin/openapi-typescript "$described" --output "${1:-src/api/openapi.d.ts}"
