{{/*
Topics and schema are made before an installation and before an upgrade, by hooks that leave nothing behind when they are good and
stay for a look when they are not. Servers of a trial come with the release and are not there before it: then the same are jobs
of the release, which try until the servers answer.
*/}}
{{- define "coldplate.trial" -}}
{{- if or .Values.trial.kafka.enabled .Values.trial.clickhouse.enabled }}yes{{ end -}}
{{- end }}

{{/* Takes (root, weight). */}}
{{- define "coldplate.hook" -}}
{{- if not (include "coldplate.trial" (index . 0)) }}
annotations:
  helm.sh/hook: pre-install,pre-upgrade
  helm.sh/hook-weight: {{ index . 1 | quote }}
  helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}
{{- end }}

{{/* The jobs that there are: (name, arguments, user of Kafka, user of ClickHouse, configuration). */}}
{{- define "coldplate.jobs" -}}
{{- $jobs := list -}}
{{- if .Values.topics.create -}}
{{- $args := list "topics" "create" "--partitions" (.Values.topics.partitions | int | toString) "--replicas" (.Values.topics.replicas | int | toString) -}}
{{- $jobs = append $jobs (dict "part" "topics" "args" $args "kafka" "topics" "clickhouse" "" "toml" (include "coldplate.topics.toml" .) "weight" "0") -}}
{{- end -}}
{{- if .Values.migrate.enabled -}}
{{- $jobs = append $jobs (dict "part" "migrate" "args" (list "migrate") "kafka" "" "clickhouse" "owner" "toml" (include "coldplate.migrate.toml" .) "weight" "1") -}}
{{- end -}}
{{- toJson (dict "jobs" $jobs) -}}
{{- end }}
