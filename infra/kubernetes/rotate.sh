#!/bin/sh
# A new secret for a cluster, without any session ending: first everybody learns to take what
# it will sign, then it signs, and the one before is taken beside it.
#   rotate.sh           a new secret; said again after it was cut off, one more, and nothing is lost
#   rotate.sh retire    60 days later: earlier secrets prove the audit, and nothing else
#   rotate.sh leaked    a new secret, and the present one taken no more: people's sessions renew
set -eu
kube() { kubectl -n taskflow "$@"; }
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)

draw() { head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n'; }
read_key() { kube get secret taskflow -o "jsonpath={.data.$1}" | base64 -d; }
join() { [ -n "$2" ] && printf '%s,%s' "$1" "$2" || printf %s "$1"; }
# In a list a comma divides, so within a secret it is written %2C.
quote() { printf %s "$1" | sed 's/,/%2C/g'; }

# On standard input, for arguments are seen by everybody on this machine.
write_keys() {
  printf '{"stringData": {"TASKFLOW_SECRET": "%s", "TASKFLOW_SECRET_PREVIOUS": "%s", "TASKFLOW_SECRET_RETIRED": "%s"}}' \
    "$1" "$2" "$3" | kube patch secret taskflow --patch-file /dev/stdin
}

# Functions by their Deployments; the gateway pod by pod, for Knative takes back what changes its own.
restart() {
  functions=$(find "$here/base/functions" -name '*.yaml' -exec basename {} .yaml \; | grep -vx gateway)
  # shellcheck disable=SC2086
  kube rollout restart deployment $functions
  for name in $functions; do
    kube rollout status deployment "$name" --timeout=5m
  done
  for pod in $(kube get pods -l app.kubernetes.io/name=gateway -o name); do
    kube delete "$pod"
  done
}

present=$(read_key TASKFLOW_SECRET)
previous=$(read_key TASKFLOW_SECRET_PREVIOUS)
retired=$(read_key TASKFLOW_SECRET_RETIRED)
[ -n "$present" ] || { echo "The secret taskflow has no TASKFLOW_SECRET: run secrets.sh first." >&2; exit 1; }
case $present in *[\"\\]*) echo "TASKFLOW_SECRET has a quote or a backslash: change it by hand." >&2; exit 1 ;; esac
case ${1:-} in
  "")
    new=$(draw)
    write_keys "$present" "$(join "$new" "$previous")" "$retired"
    restart
    write_keys "$new" "$(join "$(quote "$present")" "$previous")" "$retired"
    ;;
  retire)
    [ -n "$previous" ] || { echo "There is no TASKFLOW_SECRET_PREVIOUS to retire."; exit 0; }
    write_keys "$present" "" "$(join "$previous" "$retired")"
    ;;
  leaked)
    write_keys "$(draw)" "" "$(join "$(join "$(quote "$present")" "$previous")" "$retired")"
    ;;
  *) echo "rotate.sh knows retire, leaked, or nothing to say." >&2; exit 1 ;;
esac
restart
