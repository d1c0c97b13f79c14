{{/* Names and labels. Objects are called RELEASE-PART; a release that is called like the chart is not named twice. */}}

{{- define "coldplate.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{- define "coldplate.fullname" -}}
{{- $name := include "coldplate.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{/* What pods are found by. Takes (root, part). */}}
{{- define "coldplate.selector" -}}
app.kubernetes.io/name: {{ include "coldplate.name" (index . 0) }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* Takes (root, part). */}}
{{- define "coldplate.labels" -}}
{{ include "coldplate.selector" . }}
app.kubernetes.io/version: {{ (index . 0).Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
app.kubernetes.io/part-of: coldplate
helm.sh/chart: {{ printf "%s-%s" (index . 0).Chart.Name (index . 0).Chart.Version | replace "+" "_" }}
{{- end }}

{{/* Takes (root, image of the part or empty). */}}
{{- define "coldplate.image" -}}
{{- $root := index . 0 -}}
{{- $own := default dict (index . 1) -}}
{{- $all := $root.Values.image -}}
{{- $registry := default $all.registry $own.registry -}}
{{- $repository := default $all.repository $own.repository -}}
{{- $digest := ternary $own.digest $all.digest (hasKey $own "repository") -}}
{{- $tag := coalesce $own.tag $all.tag $root.Chart.AppVersion -}}
{{- if $registry }}{{ $registry }}/{{ end }}{{ $repository }}{{ if $digest }}@{{ $digest }}{{ else }}:{{ $tag }}{{ end }}
{{- end }}

{{/* Of the whole cluster, so the namespace is part of what is made. */}}
{{- define "coldplate.priorityClass" -}}
{{- with .Values.priorityClass -}}
{{- if .name }}{{ .name }}{{ else if .create }}{{ printf "%s-%s" $.Release.Namespace (include "coldplate.fullname" $) }}{{ end -}}
{{- end -}}
{{- end }}

{{/* Where the servers are: those that exist, or those of a trial. */}}
{{- define "coldplate.brokers" -}}
{{- if .Values.trial.kafka.enabled }}{{ include "coldplate.fullname" . }}-kafka:9092{{ else }}{{ .Values.kafka.brokers }}{{ end -}}
{{- end }}
{{- define "coldplate.clickhouse.host" -}}
{{- if .Values.trial.clickhouse.enabled }}{{ include "coldplate.fullname" . }}-clickhouse{{ else }}{{ .Values.clickhouse.host }}{{ end -}}
{{- end }}
{{- define "coldplate.clickhouse.port" -}}
{{- if .Values.clickhouse.port }}{{ .Values.clickhouse.port | int }}{{ else if .Values.clickhouse.secure }}9440{{ else }}9000{{ end -}}
{{- end }}
