#!/bin/bash
# Deletes from each topic that keeps its records until they are done what its one reader has behind
# it and is older than KEPT_DAYS: a database that is set back in time needs the rest again.
# Arguments: topic=group ... Wants BOOTSTRAP, KEPT_DAYS, and CONFIG, a client's properties.
set -euo pipefail
bin=${KAFKA_BIN:-/opt/kafka/bin}
before=$((($(date +%s) - KEPT_DAYS * 86400) * 1000))

for pair in "$@"; do
  topic=${pair%%=*} group=${pair#*=}
  # Nobody may have joined this group yet, which is no failure.
  offsets=$("$bin/kafka-consumer-groups.sh" --bootstrap-server "$BOOTSTRAP" --command-config "$CONFIG" \
    --describe --offsets --group "$group" || true)
  # topic:partition:offset of the first record that is young; no line where all are old.
  young=$("$bin/kafka-get-offsets.sh" --bootstrap-server "$BOOTSTRAP" --command-config "$CONFIG" \
    --topic "$topic" --time "$before")
  records=$(awk -v topic="$topic" '
    FNR == NR { split($0, part, ":"); if (part[3] != "") young[part[2]] = part[3]; next }
    $2 == topic && $4 ~ /^[0-9]+$/ {
      offset = ($3 in young && young[$3] + 0 < $4 + 0) ? young[$3] : $4
      if (offset + 0 > 0) {
        printf "%s{\"topic\":\"%s\",\"partition\":%s,\"offset\":%s}", comma, topic, $3, offset
        comma = ","
      }
    }' <(echo "$young") <(echo "$offsets"))
  [ -n "$records" ] || continue
  echo "{\"version\":1,\"partitions\":[$records]}" > /tmp/records.json
  "$bin/kafka-delete-records.sh" --bootstrap-server "$BOOTSTRAP" --command-config "$CONFIG" \
    --offset-json-file /tmp/records.json
done
