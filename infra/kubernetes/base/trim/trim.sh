#!/bin/bash
# Deletes from each topic that keeps its records until they are done what its one reader has behind
# it. Arguments: topic=group ... Wants BOOTSTRAP, and CONFIG, a client's properties.
set -euo pipefail
bin=${KAFKA_BIN:-/opt/kafka/bin}

for pair in "$@"; do
  topic=${pair%%=*} group=${pair#*=}
  # Nobody may have joined this group yet, which is no failure.
  offsets=$("$bin/kafka-consumer-groups.sh" --bootstrap-server "$BOOTSTRAP" --command-config "$CONFIG" \
    --describe --offsets --group "$group" || true)
  records=$(awk -v topic="$topic" '$2 == topic && $4 ~ /^[1-9][0-9]*$/ {
    printf "%s{\"topic\":\"%s\",\"partition\":%s,\"offset\":%s}", comma, topic, $3, $4; comma = "," }' \
    <<< "$offsets")
  [ -n "$records" ] || continue
  echo "{\"version\":1,\"partitions\":[$records]}" > /tmp/records.json
  "$bin/kafka-delete-records.sh" --bootstrap-server "$BOOTSTRAP" --command-config "$CONFIG" \
    --offset-json-file /tmp/records.json
done
