#!/usr/bin/env bash
# All of TaskFlow on a cluster of one node in Docker: the real Kafka, Dapr, KEDA and Knative. Goes
# through it once as a person would, and waits until everything is asleep again. Needs kind, kubectl,
# helm and docker.
set -euo pipefail
cd "$(dirname "$0")/../.."
kube=(kubectl -n taskflow)

show() {
  "${kube[@]}" get pods,kservice,scaledobject,kafka,cluster.postgresql.cnpg.io -o wide || true
  "${kube[@]}" get events --sort-by=.lastTimestamp | tail -40 || true
  "${kube[@]}" logs -l app.kubernetes.io/part-of=taskflow --all-containers --prefix --tail=40 || true
}

awake() { "${kube[@]}" get deployment "$1" -o 'jsonpath={.status.replicas}'; }

until_asleep() {
  for _ in $(seq 60); do
    [ -n "$(awake "$1")" ] || return 0
    sleep 5
  done
  echo "$1 does not sleep" >&2
  return 1
}

trap '[ $? = 0 ] || show' EXIT
NODE=kind infra/kubernetes/minikube/up.sh
kubectl -n kourier-system port-forward service/kourier 8080:80 > /dev/null &
forward=$!
python3 infra/release/try.py http://gateway.taskflow.127.0.0.1.sslip.io:8080
kill $forward
for function in functions/*/main.py; do
  until_asleep "$(basename "$(dirname "$function")" | tr _ -)"
done
echo "Everything sleeps again."
