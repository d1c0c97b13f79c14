{{/*
The program's configuration, one file a part: a change concerns the pods of that part alone. Secrets are files that it
names, never in it. Keys that the chart decides win over values.
*/}}

{{/* Takes (root, user of Kafka, user of ClickHouse or "", section, its table). */}}
{{- define "coldplate.toml" -}}
{{- $root := index . 0 -}}
{{- $v := $root.Values -}}
{{- $out := dict "cluster" $v.cluster "topic_prefix" $v.topicPrefix "log" (dict "format" $v.logFormat "level" $v.logLevel) -}}
{{- with include "coldplate.inventory.source" $root }}{{ $_ := set $out "inventory" (printf "/etc/coldplate/inventory/%s" $v.inventory.key) }}{{ end -}}
{{- with index . 1 }}{{ $_ := set $out "kafka" (fromJson (include "coldplate.kafka" (list $root .))) }}{{ end -}}
{{- with fromJson (include "coldplate.signing" (list $root (index . 1))) }}{{ $_ := set $out "signing" . }}{{ end -}}
{{- with index . 2 }}{{ $_ := set $out "clickhouse" (fromJson (include "coldplate.clickhouse" (list $root .))) }}{{ end -}}
{{- with index . 3 }}{{ $_ := set $out . (index $ 4) }}{{ end -}}
{{- /* Numbers of values are floats to Helm: whole ones are shown as such. */ -}}
{{- regexReplaceAll "(?m)^(\\s*\\S+ = -?[0-9]+)\\.0$" (toToml $out) "${1}" -}}
{{- end }}

{{- define "coldplate.inventory.source" -}}
{{- with .Values.inventory }}{{ join "" (list .configMap .secret .claim) }}{{ end -}}
{{- end }}

{{/* Takes (root, user). */}}
{{- define "coldplate.kafka" -}}
{{- $root := index . 0 -}}
{{- $k := $root.Values.kafka -}}
{{- $user := index $k.users (index . 1) -}}
{{- $out := dict "brokers" (include "coldplate.brokers" $root) "security_protocol" $k.securityProtocol "compression" $k.compression -}}
{{- if hasPrefix "SASL" $k.securityProtocol -}}
{{- $_ := set $out "sasl_mechanism" $k.saslMechanism -}}
{{- $_ := set $out "sasl_user" $user.name -}}
{{- $_ := set $out "sasl_password_file" "/etc/coldplate/kafka/password" -}}
{{- end -}}
{{- if eq $k.securityProtocol "SSL" -}}
{{- $_ := set $out "cert_file" "/etc/coldplate/kafka/tls.crt" -}}
{{- $_ := set $out "key_file" "/etc/coldplate/kafka/tls.key" -}}
{{- end -}}
{{- if and $k.ca.secret (hasSuffix "SSL" $k.securityProtocol) }}{{ $_ := set $out "ca_file" "/etc/coldplate/kafka/ca.crt" }}{{ end -}}
{{- toJson $out -}}
{{- end }}

{{/* Takes (root, user). */}}
{{- define "coldplate.clickhouse" -}}
{{- $root := index . 0 -}}
{{- $c := $root.Values.clickhouse -}}
{{- $user := index $c.users (index . 1) -}}
{{- $url := printf "clickhouse://%s@%s:%s/%s" $user.name (include "coldplate.clickhouse.host" $root) (include "coldplate.clickhouse.port" $root) $c.database -}}
{{- if $c.secure }}{{ $url = printf "%s?secure=1" $url }}{{ if $c.ca.secret }}{{ $url = printf "%s&ca_file=/etc/coldplate/clickhouse/ca.crt" $url }}{{ end }}{{ end -}}
{{- toJson (dict "url" $url "password_file" "/etc/coldplate/clickhouse/password" "cluster" $c.cluster) -}}
{{- end }}

{{/* Who signs with which keys, and who looks at signatures; empty where nobody does. Takes (root, user of Kafka). */}}
{{- define "coldplate.signing" -}}
{{- $s := (index . 0).Values.signing -}}
{{- $user := index . 1 -}}
{{- $out := dict -}}
{{- if and (has $user (list "worker" "sink" "alerts")) $s.clusterKey.secret -}}
{{- $_ := set $out "cluster_key_file" (printf "/etc/coldplate/signing/%s" $s.clusterKey.key) -}}
{{- $_ := set $out "unsigned" $s.unsigned -}}
{{- else if and (eq $user "agent") (or $s.nodeKeys.secret $s.nodeKeys.hostPath) -}}
{{- $_ := set $out "keys_file" (printf "/etc/coldplate/signing/%s" $s.nodeKeys.key) -}}
{{- else if and (eq $user "plant") $s.plantKeys.secret -}}
{{- $_ := set $out "keys_file" (printf "/etc/coldplate/signing/%s" $s.plantKeys.key) -}}
{{- end -}}
{{- toJson $out -}}
{{- end }}

{{/*
What a part tells of itself is for its pod's probes and for Prometheus: NetworkPolicies say who may ask. Takes (its table, port),
and with the root as third it is told over TLS where values ask for it.
*/}}
{{- define "coldplate.local" -}}
{{- $table := index . 0 -}}
{{- $local := default dict (get $table "local") -}}
{{- $_ := set $local "address" "0.0.0.0" -}}
{{- $_ := set $local "port" (index . 1) -}}
{{- if gt (len .) 2 -}}
{{- with (index . 2).Values.monitoring.tls -}}
{{- if .secret -}}
{{- $_ := set $local "cert_file" "/etc/coldplate/metrics/tls.crt" -}}
{{- $_ := set $local "key_file" "/etc/coldplate/metrics/tls.key" -}}
{{- if .clientCa.secret }}{{ $_ := set $local "client_ca_file" "/etc/coldplate/metrics/client-ca.crt" }}{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $_ := set $table "local" $local -}}
{{- end }}

{{- define "coldplate.agent.toml" -}}
{{- $root := . -}}
{{- $a := deepCopy .Values.agent.config -}}
{{- $_ := set $a "role" "node" -}}
{{- $_ := set $a "state_dir" "/var/lib/coldplate" -}}
{{- include "coldplate.local" (list $a 9401 $root) -}}
{{- $_ := set $a "spool" (merge (dict "bytes_max" (mul .Values.agent.spool.sizeMiB 1048576)) (default dict $a.spool)) -}}
{{- $_ := set $a "kmsg" (dict "on" false) -}}
{{- $_ := set $a "jobs" (merge (dict "pod_socket" (ternary "/var/lib/kubelet/pod-resources/kubelet.sock" "" .Values.agent.podResources)) (default dict $a.jobs)) -}}
{{- include "coldplate.toml" (list $root "agent" "" "agent" $a) -}}
{{- end }}

{{/* Takes (root, plant). */}}
{{- define "coldplate.plant.toml" -}}
{{- $root := index . 0 -}}
{{- $plant := index . 1 -}}
{{- $a := deepCopy $root.Values.plant.config -}}
{{- $_ := set $a "role" "plant" -}}
{{- $_ := set $a "state_dir" "/var/lib/coldplate" -}}
{{- include "coldplate.local" (list $a 9401 $root) -}}
{{- $_ := set $a "spool" (merge (dict "bytes_max" (mul $root.Values.plant.spoolMiB 1048576)) (default dict $a.spool)) -}}
{{- $_ := set $a "plant" (merge (dict "id" $plant.id "devices" (printf "/etc/coldplate/plant/%s" (default "plant.toml" $plant.devices.key))) (default dict $a.plant)) -}}
{{- include "coldplate.toml" (list $root "plant" "" "agent" $a) -}}
{{- end }}

{{- define "coldplate.worker.toml" -}}
{{- $w := deepCopy .Values.worker.config -}}
{{- $_ := set $w "group" .Values.worker.group -}}
{{- if .Values.worker.parameters.configMap }}{{ $_ := set $w "parameters" (printf "/etc/coldplate/parameters/%s" .Values.worker.parameters.key) }}{{ end -}}
{{- $_ := set $w "joined" (ne (include "coldplate.joined" .) "") -}}
{{- include "coldplate.local" (list $w 9464 .) -}}
{{- include "coldplate.toml" (list . "worker" (ternary "reader" "" (ne (include "coldplate.clickhouse.host" .) "")) "worker" $w) -}}
{{- end }}

{{/* More than one worker leaves it to a cluster detector what of their findings is one incident. */}}
{{- define "coldplate.joined" -}}
{{- with .Values.worker }}{{ if and .enabled (or (gt (int .replicas) 1) .autoscale.enabled) }}true{{ end }}{{ end -}}
{{- end }}

{{- define "coldplate.cluster-detector.toml" -}}
{{- $c := deepCopy .Values.clusterDetector.config -}}
{{- $_ := set $c "group" .Values.clusterDetector.group -}}
{{- include "coldplate.local" (list $c 9464 .) -}}
{{- include "coldplate.toml" (list . "cluster" "" "cluster_detector" $c) -}}
{{- end }}

{{- define "coldplate.sink.toml" -}}
{{- $s := deepCopy .Values.sink.config -}}
{{- $_ := set $s "group" .Values.sink.group -}}
{{- include "coldplate.local" (list $s 9464 .) -}}
{{- include "coldplate.toml" (list . "sink" "writer" "sink" $s) -}}
{{- end }}

{{- define "coldplate.alerts.toml" -}}
{{- $a := deepCopy .Values.alerts.config -}}
{{- $_ := set $a "file" (printf "/etc/coldplate/alerts/%s" .Values.alerts.file.key) -}}
{{- $_ := set $a "state_dir" "/var/lib/coldplate" -}}
{{- include "coldplate.local" (list $a 9464 .) -}}
{{- include "coldplate.toml" (list . "alerts" (ternary "reader" "" (ne (include "coldplate.clickhouse.host" .) "")) "alerts" $a) -}}
{{- end }}

{{- define "coldplate.web.toml" -}}
{{- $w := merge (dict "address" "0.0.0.0" "port" 8950 "hosts" .Values.web.hosts) .Values.web.config -}}
{{- if .Values.web.proxy.header -}}
{{- $_ := set $w "proxy_header" .Values.web.proxy.header -}}
{{- $_ := set $w "proxy_from" .Values.web.proxy.from -}}
{{- else -}}
{{- $_ := set $w "token_file" "/etc/coldplate/web/token" -}}
{{- end -}}
{{- if .Values.web.tls.secret -}}
{{- $_ := set $w "cert_file" "/etc/coldplate/web-tls/tls.crt" -}}
{{- $_ := set $w "key_file" "/etc/coldplate/web-tls/tls.key" -}}
{{- end -}}
{{- include "coldplate.toml" (list . "" "reader" "web" $w) -}}
{{- end }}

{{- define "coldplate.migrate.toml" -}}
{{- include "coldplate.toml" (list . "" "owner" "retention" .Values.retention) -}}
{{- end }}

{{- define "coldplate.topics.toml" -}}
{{- include "coldplate.toml" (list . "topics" "" "" dict) -}}
{{- end }}
