#!/usr/bin/env bash
# Brings an image to a cluster: the schema first, then everything beside what runs, then people, a few
# at a time; and the way back when the error budget burns. Said again, it changes nothing.
#   CLOUD=aks IMAGE=registry.example.com/taskflow@sha256:... DOMAIN=tasks.example.com infra/release/deploy.sh
# TASKFLOW_SMTP is wanted the first time; KUBE_CONTEXT names another cluster than the current one;
# COMPONENTS what is added to the overlay.
set -euo pipefail
: "${CLOUD:?names no overlay: aks, gke or oke}"
: "${DOMAIN:?names no address, such as tasks.example.com}"
: "${IMAGE:?names no image, such as registry.example.com/taskflow@sha256:...}"
: "${COMPONENTS:=monitoring spot}"
cd "$(dirname "$0")/../.."
case $IMAGE in
  *@sha256:*) ;;
  *) echo "IMAGE is $IMAGE: name it by its digest (NAME@sha256:...), or it is not what was checked." >&2; exit 1 ;;
esac
[ -d "infra/kubernetes/$CLOUD" ] || { echo "CLOUD is $CLOUD: there is no infra/kubernetes/$CLOUD." >&2; exit 1; }

read -ra components <<< "$COMPONENTS"
work=.taskflow/deploy
mkdir -p $work
kube=(kubectl -n taskflow)
# Everything that follows, secrets.sh and the canary too, speaks to this cluster alone.
if [ -n "${KUBE_CONTEXT:-}" ]; then
  trap 'rm -f $work/kubeconfig' EXIT
  (umask 077 && kubectl config view --minify --flatten --context "$KUBE_CONTEXT" > $work/kubeconfig)
  export KUBECONFIG=$PWD/$work/kubeconfig
fi

say() { printf '\n%s\n' "$*"; }

# The overlay with this image and domain, people left where they are: image, revision that keeps them.
render() {
  local up=../../infra/kubernetes traffic='[{latestRevision: true, percent: 100}]'
  [ -z "$2" ] || traffic="[{revisionName: $2, percent: 100}, {latestRevision: true, percent: 0, tag: canary}]"
  {
    echo "resources: [$up/$CLOUD]"
    echo "components:"
    printf -- "- $up/%s\n" "${components[@]}"
    echo "images: [{name: taskflow, newName: ${1%@*}, digest: ${1#*@}}]"
    cat <<END
patches:
  - patch: |
      - {op: replace, path: /metadata/name, value: $DOMAIN}
    target: {kind: DomainMapping}
    options: {allowNameChange: true}
  - patch: |
      - {op: add, path: /spec/traffic, value: $traffic}
    target: {kind: Service, group: serving.knative.dev, name: gateway}
END
  } > $work/kustomization.yaml
  kubectl kustomize $work > $work/all.yaml
}

apply() { "${kube[@]}" apply --server-side --force-conflicts -f $work/all.yaml "$@"; }

# A job cannot be changed, only made anew: so it is applied alone.
apply_rest() { apply -l 'app.kubernetes.io/name!=migrate'; }

await() { "${kube[@]}" wait --timeout=15m "$@"; }

migrate() {
  say "The schema"
  "${kube[@]}" delete job migrate --ignore-not-found
  apply "$@"
  await --for=condition=Complete job/migrate
}

install() {
  sh infra/kubernetes/secrets.sh
  render "$IMAGE" ""
  migrate
  await --for=condition=Ready kservice/gateway
  say "TaskFlow is at https://$DOMAIN"
}

# What the new gateway asks for, the functions of before may not know: so these go first.
send_people() {
  "${kube[@]}" rollout status deployment -l app.kubernetes.io/part-of=taskflow --timeout=15m || return
  say "People, a few at a time"
  python3 infra/release/canary.py "$1"
}

# Old code runs on the new schema, new functions beside the old gateway: both are promised.
upgrade() {
  local before=$1 stable=$2
  render "$IMAGE" "$stable"
  migrate -l app.kubernetes.io/name=migrate
  say "Functions and the new gateway, which nobody is sent to yet"
  apply_rest
  if ! send_people "$stable"; then
    say "Back to $before: the schema stays, which the code before knows too"
    render "$before" "$stable"
    apply_rest
    exit 1
  fi
  say "TaskFlow is at https://$DOMAIN"
}

# Whom people are sent to now, and what that is: a deployment that was cut off is taken up again.
stable=$("${kube[@]}" get kservice gateway --ignore-not-found -o 'jsonpath={.status.traffic[0].revisionName}')
if [ -z "$stable" ]; then
  install
  exit
fi
before=$("${kube[@]}" get revision "$stable" -o 'jsonpath={.spec.containers[0].image}')
if [ "$before" = "$IMAGE" ]; then
  say "$IMAGE runs already"
else
  upgrade "$before" "$stable"
fi
