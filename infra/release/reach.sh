#!/usr/bin/env bash
# The way to a cluster and its registry, for whoever is logged in to its cloud: a kubeconfig and a
# login of Docker's. CLOUD, CLUSTER, CLUSTER_PLACE and REGISTRY are outputs of its Terraform root.
set -euo pipefail
: "${CLOUD:?}" "${CLUSTER:?}" "${CLUSTER_PLACE:?}" "${REGISTRY:?}"
host=${REGISTRY%%/*}

reach_aks() {
  az acr login --name "${host%%.*}"
  az aks get-credentials --resource-group "$CLUSTER_PLACE" --name "$CLUSTER" --overwrite-existing
  command -v kubelogin > /dev/null || az aks install-cli --install-location "$HOME/.local/bin/kubectl" \
    --kubelogin-install-location "$HOME/.local/bin/kubelogin"
  PATH="$HOME/.local/bin:$PATH" kubelogin convert-kubeconfig -l azurecli
  [ -z "${GITHUB_PATH:-}" ] || echo "$HOME/.local/bin" >> "$GITHUB_PATH"
}

reach_gke() {
  gcloud auth configure-docker "$host" --quiet
  gcloud container clusters get-credentials "$CLUSTER" --region "$CLUSTER_PLACE"
}

# A runner in the cluster's compartment, known by its tag.
reach_oke() {
  export OCI_CLI_AUTH=instance_principal
  oci raw-request --http-method GET --target-uri "https://$host/20180419/docker/token" |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["data"]["token"])' |
    docker login "$host" -u BEARER_TOKEN --password-stdin
  oci ce cluster create-kubeconfig --cluster-id "$CLUSTER" --region "$CLUSTER_PLACE" \
    --token-version 2.0.0 --kube-endpoint PRIVATE_ENDPOINT --auth instance_principal
}

case $CLOUD in
  aks | gke | oke) "reach_$CLOUD" ;;
  *) echo "CLOUD is $CLOUD; aks, gke and oke are known." >&2; exit 1 ;;
esac
