{{/* Combinations that cannot work, each with what to do: no schema can compare two values. Called by NOTES.txt and checks.yaml. */}}

{{- define "coldplate.checks" -}}
{{- $v := .Values -}}
{{- $kafka := or $v.trial.kafka.enabled $v.kafka.brokers -}}
{{- $history := or $v.trial.clickhouse.enabled $v.clickhouse.host -}}
{{- if not $kafka -}}
{{- fail "kafka.brokers is empty: name the existing Kafka as host:port[,host:port], or set trial.kafka.enabled for a trial" -}}
{{- end -}}
{{- if and $v.trial.kafka.enabled $v.kafka.brokers -}}
{{- fail "kafka.brokers names a Kafka and trial.kafka.enabled brings another: leave one of them out" -}}
{{- end -}}
{{- if and $v.trial.clickhouse.enabled $v.clickhouse.host -}}
{{- fail "clickhouse.host names a ClickHouse and trial.clickhouse.enabled brings another: leave one of them out" -}}
{{- end -}}
{{- if and $v.trial.kafka.enabled (ne $v.kafka.securityProtocol "PLAINTEXT") -}}
{{- fail (printf "trial.kafka has no TLS and no users: set kafka.securityProtocol to PLAINTEXT (it is %s), as values-trial.yaml does" $v.kafka.securityProtocol) -}}
{{- end -}}
{{- if and $v.trial.clickhouse.enabled $v.clickhouse.secure -}}
{{- fail "trial.clickhouse has no TLS: set clickhouse.secure to false, as values-trial.yaml does" -}}
{{- end -}}
{{- if and $v.trial.kafka.enabled (gt (int $v.topics.replicas) 1) -}}
{{- fail (printf "topics.replicas is %d, but trial.kafka is one broker: set it to 1" (int $v.topics.replicas)) -}}
{{- end -}}
{{- range $part := list "sink" "web" -}}
{{- if and (index $v $part "enabled") (not $history) -}}
{{- fail (printf "clickhouse.host is empty, and %s.enabled needs it: name the existing ClickHouse, set trial.clickhouse.enabled, or switch %s off" $part $part) -}}
{{- end -}}
{{- end -}}
{{- if and $v.migrate.enabled (not $history) -}}
{{- fail "clickhouse.host is empty, and migrate.enabled needs it: name the existing ClickHouse, or switch migrate off" -}}
{{- end -}}
{{- if and $v.clickhouse.cluster $v.trial.clickhouse.enabled -}}
{{- fail "clickhouse.cluster is for several servers, and trial.clickhouse is one without Keeper: leave it empty" -}}
{{- end -}}
{{- range $part := list "worker" "sink" -}}
{{- $p := index $v $part -}}
{{- if $p.enabled -}}
{{- if gt (int $p.replicas) (int $v.topics.partitions) -}}
{{- fail (printf "%s.replicas is %d and topics.partitions %d: a partition is read by one of a group, so the others would stand idle; have fewer of them, or more partitions when the topics are made" $part (int $p.replicas) (int $v.topics.partitions)) -}}
{{- end -}}
{{- if and $p.autoscale.enabled (gt (int $p.autoscale.maxReplicas) (int $v.topics.partitions)) -}}
{{- fail (printf "%s.autoscale.maxReplicas is %d and topics.partitions %d: a partition is read by one of a group, so the others would stand idle" $part (int $p.autoscale.maxReplicas) (int $v.topics.partitions)) -}}
{{- end -}}
{{- if and $p.autoscale.enabled (lt (int $p.autoscale.maxReplicas) (int $p.replicas)) -}}
{{- fail (printf "%s.autoscale.maxReplicas is %d, below %s.replicas (%d), which is its least number" $part (int $p.autoscale.maxReplicas) $part (int $p.replicas)) -}}
{{- end -}}
{{- if and $p.autoscale.enabled (eq $v.kafka.securityProtocol "SSL") (not $v.kafka.ca.secret) -}}
{{- fail (printf "%s.autoscale.enabled with kafka.securityProtocol SSL needs kafka.ca.secret: KEDA's own pods check the brokers by it" $part) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if has $v.clusterDetector.group (list $v.worker.group $v.sink.group) -}}
{{- fail (printf "clusterDetector.group is %q, as another part's: give it a name of its own" $v.clusterDetector.group) -}}
{{- end -}}
{{- if eq $v.worker.group $v.sink.group -}}
{{- fail (printf "worker.group and sink.group are both %q: each would read half of the records; give them different names" $v.worker.group) -}}
{{- end -}}
{{- if and $v.agent.podResources (not $v.agent.runAsRoot) -}}
{{- fail "agent.podResources needs agent.runAsRoot: the kubelet's socket is readable for root alone; without, GPUs are told without their pods" -}}
{{- end -}}
{{- if and (eq $v.agent.spool.kind "hostPath") (has $v.agent.spool.path (list "/etc" "/usr" "/bin" "/sbin" "/lib" "/boot" "/dev" "/proc" "/sys" "/run" "/var" "/var/lib" "/var/lib/kubelet" "/root" "/home")) -}}
{{- fail (printf "agent.spool.path is %s, a folder of the system: name one of its own, such as /var/lib/coldplate" $v.agent.spool.path) -}}
{{- end -}}
{{- $inventories := compact (list $v.inventory.configMap $v.inventory.secret $v.inventory.claim) -}}
{{- if gt (len $inventories) 1 -}}
{{- fail (printf "inventory names %s: name one of configMap, secret and claim" (join " and " $inventories)) -}}
{{- end -}}
{{- if and $v.plants (not $inventories) -}}
{{- fail "plants are given and inventory is not: workers must know which coolant unit cools which rack; name inventory.configMap, secret or claim" -}}
{{- end -}}
{{- $ids := list -}}
{{- range $v.plants -}}
{{- if has .id $ids -}}
{{- fail (printf "plants: id %q stands twice; agents of one id share one lease" .id) -}}
{{- end -}}
{{- $ids = append $ids .id -}}
{{- end -}}
{{- if $v.alerts.enabled -}}
{{- if not $v.alerts.file.configMap -}}
{{- fail "alerts.enabled without alerts.file.configMap: nobody would be told; make a ConfigMap of a file of receivers and routes (docs/alerts.md) and name it" -}}
{{- end -}}
{{- end -}}
{{- if $v.web.enabled -}}
{{- if and (not $v.web.token.secret) (not $v.web.proxy.header) -}}
{{- fail "web.enabled without web.token.secret or web.proxy.header: anybody who reaches the page could look; name one of them, or switch web off" -}}
{{- end -}}
{{- if and $v.web.proxy.header (not $v.web.proxy.from) -}}
{{- fail "web.proxy.header without web.proxy.from: anybody could send that header; name the proxy's networks" -}}
{{- end -}}
{{- if and $v.web.ingress.enabled (not $v.web.hosts) -}}
{{- fail "web.ingress.enabled without web.hosts: name the host that the Ingress is for" -}}
{{- end -}}
{{- if and $v.web.ingress.enabled (not $v.web.ingress.tlsSecret) -}}
{{- fail "web.ingress.enabled without web.ingress.tlsSecret: tokens would pass in the clear; name the Secret of its certificate" -}}
{{- end -}}
{{- end -}}
{{- if and $v.web.enabled $v.web.ingress.enabled $v.networkPolicy.enabled (not $v.networkPolicy.webClients.peers) -}}
{{- fail "web.ingress.enabled and networkPolicy.webClients.peers is empty: the Ingress controller could not reach the page; name its namespace" -}}
{{- end -}}
{{- if and $v.networkPolicy.enabled $v.alerts.enabled (not $v.networkPolicy.receivers.ports) -}}
{{- fail "alerts.enabled and networkPolicy.receivers.ports is empty: alerts could go nowhere; name the receivers' ports" -}}
{{- end -}}
{{- range $end := list "kafka" "clickhouse" -}}
{{- if and (index $v $end "ca" "secret") (or (and (eq $end "clickhouse") (not $v.clickhouse.secure)) (and (eq $end "kafka") (not (hasSuffix "SSL" $v.kafka.securityProtocol)))) -}}
{{- fail (printf "%s.ca.secret is given, but %s is reached without TLS: set %s, or leave the certificates out" $end $end (ternary "clickhouse.secure" "kafka.securityProtocol to SASL_SSL or SSL" (eq $end "clickhouse"))) -}}
{{- end -}}
{{- end -}}
{{- range $name, $user := $v.kafka.users -}}
{{- if and (ne $v.kafka.securityProtocol "PLAINTEXT") (not $user.secret) -}}
{{- fail (printf "kafka.users.%s.secret is empty: with %s it must name a Secret" $name $v.kafka.securityProtocol) -}}
{{- end -}}
{{- if and (hasPrefix "SASL" $v.kafka.securityProtocol) (not $user.name) -}}
{{- fail (printf "kafka.users.%s.name is empty: with %s it must be the user's name" $name $v.kafka.securityProtocol) -}}
{{- end -}}
{{- end -}}
{{- if $history -}}
{{- range $name, $user := $v.clickhouse.users -}}
{{- if not $user.secret -}}
{{- fail (printf "clickhouse.users.%s.secret is empty: name the Secret of its password" $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $sign := $v.signing -}}
{{- if and $sign.nodeKeys.secret $sign.nodeKeys.hostPath -}}
{{- fail "signing.nodeKeys names a secret and a hostPath: a Secret of all nodes' keys, or a folder with the node's own; name one of them" -}}
{{- end -}}
{{- if eq $sign.unsigned "refuse" -}}
{{- if not $sign.clusterKey.secret -}}
{{- fail "signing.unsigned is refuse, and signing.clusterKey.secret is empty: nobody could tell a signature from another; name the Secret of the cluster's key" -}}
{{- end -}}
{{- if and $v.agent.enabled (not (or $sign.nodeKeys.secret $sign.nodeKeys.hostPath)) -}}
{{- fail "signing.unsigned is refuse, and signing.nodeKeys names nothing: everything that agents send would be refused; name their keys, or accept what is not signed" -}}
{{- end -}}
{{- if and $v.plants (not $sign.plantKeys.secret) -}}
{{- fail "signing.unsigned is refuse, and signing.plantKeys.secret is empty: everything that plants send would be refused; name their keys, or accept what is not signed" -}}
{{- end -}}
{{- end -}}
{{- with $v.monitoring.tls -}}
{{- if and (not .secret) (or .ca.secret .clientCa.secret .client.secret) -}}
{{- fail "monitoring.tls names authorities or a client's certificate, and monitoring.tls.secret is empty: without a certificate of the parts' own there is no TLS" -}}
{{- end -}}
{{- if and .clientCa.secret $v.monitoring.podMonitor.enabled (not .client.secret) -}}
{{- fail "monitoring.tls.clientCa.secret is given, and monitoring.tls.client.secret is not: Prometheus would be refused; name the Secret of its certificate" -}}
{{- end -}}
{{- end -}}
{{- if and $v.dashboards.datasource.enabled (not $history) -}}
{{- fail "dashboards.datasource.enabled without clickhouse.host: there is nothing to show" -}}
{{- end -}}
{{- end }}
