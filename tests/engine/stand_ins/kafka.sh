#!/bin/bash
# Stands in for what the official image of Kafka runs: its own wrapper writes server.properties from KAFKA_… variables
# and formats the storage, then the broker becomes the process. The configuration must be writable, the rest need not.
set -euo pipefail
java=/opt/java/openjdk/bin/java
[ -w /opt/kafka/config ] || { echo "/opt/kafka/config is not writable"; exit 1; }
export CLUSTER_ID="${CLUSTER_ID:-5L6g3nShT-eMCtK--X86sw}"
result=$("$java" ${KAFKA_JVM_PERFORMANCE_OPTS:-} -cp '/opt/kafka/libs/*' kafka.docker.KafkaDockerWrapper setup \
  --default-configs-dir /etc/kafka/docker --mounted-configs-dir /mnt/shared/config \
  --final-configs-dir /opt/kafka/config 2>&1) || grep -qi "already formatted" <<< "$result" || { echo "$result"; exit 1; }
exec "$java" ${KAFKA_HEAP_OPTS:-} ${KAFKA_JVM_PERFORMANCE_OPTS:-} -Dlog4j2.configurationFile=/opt/kafka/config/log4j2.yaml \
  -Dkafka.logs.dir=/opt/kafka/logs -cp '/opt/kafka/libs/*' kafka.Kafka /opt/kafka/config/server.properties
