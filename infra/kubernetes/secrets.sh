#!/bin/sh
# Makes the secrets that TaskFlow wants and the operators do not make, each only if it is not there:
# said twice it changes nothing. Whoever keeps secrets in a vault brings the same names and keys.
#   taskflow           what every function and the gateway read: TASKFLOW_SECRET (signs tokens and the
#                      audit; rotate.sh changes it), TASKFLOW_SMTP, TASKFLOW_URL, and any other
#                      variable of the README
#   taskflow-delivery  token: what sidecars show to functions
#   taskflow-redis     password
#   NAME-database      username, password, uri: for each function, the gateway, and the sidecars' store
#                      of changing settings (configuration)
# TASKFLOW_SMTP and TASKFLOW_URL are taken from the environment.
set -eu
: "${TASKFLOW_SMTP:?names no mail server: say TASKFLOW_SMTP=smtps://user:password@host:465, say}"
namespace=taskflow
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)

exists() { kubectl -n "$namespace" get secret "$1" > /dev/null 2>&1; }
make() { kubectl -n "$namespace" create secret generic "$@"; }
draw() { head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n'; }

kubectl apply -f "$here/base/namespace.yaml"
exists taskflow || make taskflow --from-literal=TASKFLOW_SECRET="$(draw)" \
  --from-literal=TASKFLOW_SMTP="$TASKFLOW_SMTP" --from-literal=TASKFLOW_URL="${TASKFLOW_URL:-}"
exists taskflow-delivery || make taskflow-delivery --from-literal=token="$(draw)"
exists taskflow-redis || make taskflow-redis --from-literal=password="$(draw)"

for file in "$here"/base/functions/*.yaml configuration; do
  name=$(basename "$file" .yaml)
  exists "$name-database" && continue
  role=taskflow_$(echo "$name" | tr - _)
  # LISTEN needs a session of its own, which no pooler gives.
  host=pooler
  [ "$name" != gateway ] || host=database-rw
  password=$(draw)
  make "$name-database" --type=kubernetes.io/basic-auth \
    --from-literal=username="$role" --from-literal=password="$password" \
    --from-literal=uri="postgresql://$role:$password@$host.$namespace.svc:5432/taskflow?sslmode=require"
done
