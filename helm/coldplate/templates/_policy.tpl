{{/*
Network: everything of the release is denied, and each flow that there is has a policy of its own, named PART-FLOW and told in words.
Probes come from the node itself, which no policy keeps away.
*/}}

{{/* Takes (root, part, flow, words, direction, peers or empty for anywhere, ports, hook weight or ""). */}}
{{- define "coldplate.policy" -}}
{{- $root := index . 0 -}}
{{- $egress := eq (index . 4) "Egress" }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "coldplate.fullname" $root }}-{{ index . 1 }}-{{ index . 2 }}
  namespace: {{ $root.Release.Namespace }}
  labels: {{- include "coldplate.labels" (list $root (index . 1)) | nindent 4 }}
  annotations:
    coldplate/flow: {{ index . 3 | quote }}
    {{- if and (index . 7) (not (include "coldplate.trial" $root)) }}
    helm.sh/hook: pre-install,pre-upgrade
    helm.sh/hook-weight: {{ index . 7 | quote }}
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
    {{- end }}
spec:
  podSelector:
    matchLabels: {{- include "coldplate.selector" (list $root (index . 1)) | nindent 6 }}
  policyTypes: [{{ index . 4 }}]
  {{ ternary "egress" "ingress" $egress }}:
    - {{ with index . 5 }}{{ ternary "to" "from" $egress }}: {{- toYaml . | nindent 8 }}
      {{ end -}}
      ports:
      {{- range index . 6 | uniq }}
        - {port: {{ . | int }}, protocol: TCP}
      {{- end }}
{{- end }}

{{- define "coldplate.policy.dns" -}}
{{- $root := index . 0 }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "coldplate.fullname" $root }}-{{ index . 1 }}-to-dns
  namespace: {{ $root.Release.Namespace }}
  labels: {{- include "coldplate.labels" (list $root (index . 1)) | nindent 4 }}
  annotations:
    coldplate/flow: {{ printf "%s asks for names" (index . 1) | quote }}
    {{- if and (index . 2) (not (include "coldplate.trial" $root)) }}
    helm.sh/hook: pre-install,pre-upgrade
    helm.sh/hook-weight: {{ index . 2 | quote }}
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
    {{- end }}
spec:
  podSelector:
    matchLabels: {{- include "coldplate.selector" (list $root (index . 1)) | nindent 6 }}
  policyTypes: [Egress]
  egress:
    - to: {{- toYaml $root.Values.networkPolicy.dns.peers | nindent 8 }}
      ports:
        - {port: 53, protocol: UDP}
        - {port: 53, protocol: TCP}
{{- end }}

{{/* Where the servers are, as peers and ports: of a trial its pods, otherwise what is configured. */}}
{{- define "coldplate.kafka.end" -}}
{{- if .Values.trial.kafka.enabled -}}
{{- toJson (dict "peers" (list (dict "podSelector" (dict "matchLabels" (fromYaml (include "coldplate.selector" (list . "kafka")))))) "ports" (list 9092)) -}}
{{- else -}}
{{- $ports := .Values.networkPolicy.kafka.ports -}}
{{- range splitList "," .Values.kafka.brokers }}{{ $ports = append $ports (splitList ":" . | last | int) }}{{ end -}}
{{- toJson (dict "peers" .Values.networkPolicy.kafka.peers "ports" $ports) -}}
{{- end -}}
{{- end }}
{{- define "coldplate.clickhouse.end" -}}
{{- if .Values.trial.clickhouse.enabled -}}
{{- toJson (dict "peers" (list (dict "podSelector" (dict "matchLabels" (fromYaml (include "coldplate.selector" (list . "clickhouse")))))) "ports" (list 9000)) -}}
{{- else -}}
{{- toJson (dict "peers" .Values.networkPolicy.clickhouse.peers "ports" (append .Values.networkPolicy.clickhouse.ports (include "coldplate.clickhouse.port" . | int))) -}}
{{- end -}}
{{- end }}
