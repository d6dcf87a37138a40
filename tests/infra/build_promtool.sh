#!/usr/bin/env bash
# Prometheus' own checker of rules, from its sources at one version, for the tests of the alerts; once,
# some minutes, and only where Go is.
set -euo pipefail
version=v0.316.0 # Prometheus 3.16.0
target="${XDG_CACHE_HOME:-$HOME/.cache}/taskflow-promtool/promtool"
if command -v promtool >/dev/null || [ -x "$target" ]; then exit 0; fi
mkdir -p "$(dirname "$target")"
sources=$(go mod download -json "github.com/prometheus/prometheus@$version" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
cd "$sources"
# Without what finds targets on clouds, which checks no rule and is most of the build.
GOWORK=off go build -mod=readonly -trimpath -tags remove_all_sd -ldflags='-s -w' -o "$target.new" ./cmd/promtool
mv "$target.new" "$target"
