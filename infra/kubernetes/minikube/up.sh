#!/bin/bash
# TaskFlow on minikube, from nothing: a node, the operators in pinned versions, the image, the overlay.
# Said again, it brings everything to what the files say now. NODE=kind takes kind for the node.
set -euo pipefail
cd "$(dirname "$0")/../../.."
node=${NODE:-minikube}
profile=taskflow
overlay=infra/kubernetes/minikube
kubernetes=v1.35.0 keda=2.20.2 dapr=1.18.3 strimzi=1.2.0 postgres=1.30.0 knative=1.23.0

say() { printf '\n%s\n' "$*"; }

need() {
  local missing=()
  for program in "$node" kubectl helm; do
    command -v "$program" > /dev/null || missing+=("$program")
  done
  [ ${#missing[@]} -eq 0 ] && return
  echo "make minikube needs ${missing[*]}, which this machine lacks:" >&2
  for program in "${missing[@]}"; do
    case $program in
      minikube) echo "  minikube: https://minikube.sigs.k8s.io/docs/start" >&2 ;;
      kind) echo "  kind:     https://kind.sigs.k8s.io/docs/user/quick-start" >&2 ;;
      kubectl) echo "  kubectl:  https://kubernetes.io/docs/tasks/tools" >&2 ;;
      helm) echo "  helm:     https://helm.sh/docs/intro/install" >&2 ;;
    esac
  done
  echo "Without a cluster, make run starts everything on this machine." >&2
  exit 1
}

start_minikube() {
  minikube -p $profile status > /dev/null 2>&1 ||
    minikube start -p $profile --kubernetes-version=$kubernetes --cpus=4 --memory=10g --cni=calico
  kubectl config use-context $profile > /dev/null
}

build_minikube() { minikube -p $profile image build -t "$1" .; }

start_kind() {
  kind get clusters | grep -qx $profile || kind create cluster --name $profile --image "kindest/node:$kubernetes"
  kubectl config use-context kind-$profile > /dev/null
}

build_kind() { docker build -t "$1" . && kind load docker-image "$1" --name $profile; }

install() { # release namespace chart version more...
  helm upgrade --install "$1" "$3" --namespace "$2" --create-namespace --version "$4" --wait "${@:5}"
}

install_operators() {
  install keda keda keda $keda --repo https://kedacore.github.io/charts
  # A pod whose sidecar was not injected would never consume: rather no pod. And no sidecar listens to
  # another without a certificate, by which the access policies know it.
  install dapr dapr-system dapr $dapr --repo https://dapr.github.io/helm-charts/ \
    --set dapr_sidecar_injector.webhookFailurePolicy=Fail --set global.mtls.enabled=true
  kubectl apply -f infra/kubernetes/base/namespace.yaml
  install strimzi strimzi oci://quay.io/strimzi-helm/strimzi-kafka-operator $strimzi \
    --set 'watchNamespaces={taskflow}'
  kubectl apply --server-side -f \
    "https://raw.githubusercontent.com/cloudnative-pg/cloudnative-pg/release-${postgres%.*}/releases/cnpg-$postgres.yaml"
  kubectl -n cnpg-system rollout status deployment/cnpg-controller-manager --timeout=5m
  install knative-operator knative-operator knative-operator $knative \
    --repo https://knative.github.io/operator
  kubectl apply -f $overlay/knative.yaml
  kubectl -n knative-serving wait knativeserving/knative-serving --for=condition=Ready --timeout=10m
}

apply() {
  TASKFLOW_SMTP=smtp://mailpit:1025 TASKFLOW_URL=http://gateway.taskflow.127.0.0.1.sslip.io:8080 \
    sh infra/kubernetes/secrets.sh
  kubectl -n taskflow delete job migrate --ignore-not-found
  kubectl apply --server-side -k $overlay
  kubectl -n taskflow wait kafka/taskflow --for=condition=Ready --timeout=10m
  kubectl -n taskflow wait cluster.postgresql.cnpg.io/database --for=condition=Ready --timeout=10m
  kubectl -n taskflow wait job/migrate --for=condition=Complete --timeout=10m
  kubectl -n taskflow wait kservice/gateway --for=condition=Ready --timeout=10m
}

need
say "A node"
"start_$node"
say "Operators"
install_operators
say "The image"
"build_$node" dev.local/taskflow:local
say "TaskFlow"
apply
say "TaskFlow is ready. Keep this running:
  kubectl -n kourier-system port-forward service/kourier 8080:80
and it is at http://gateway.taskflow.127.0.0.1.sslip.io:8080 (mails: kubectl -n taskflow port-forward service/mailpit 8025).
Watch functions wake and sleep: kubectl -n taskflow get pods --watch"
