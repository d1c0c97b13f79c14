{{/* What every pod and container of the release has in common: who it is, and what it may not do. */}}

{{- define "coldplate.pod.security" -}}
runAsNonRoot: true
runAsUser: 10401
runAsGroup: 10401
fsGroup: 10401
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "coldplate.container.security" -}}
allowPrivilegeEscalation: false
privileged: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* Takes (root, part, values of the part). */}}
{{- define "coldplate.pod.head" -}}
{{- $root := index . 0 -}}
{{- $part := index . 1 -}}
{{- $v := index . 2 -}}
serviceAccountName: {{ include "coldplate.fullname" $root }}-{{ $part }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with include "coldplate.priorityClass" $root }}
priorityClassName: {{ . }}
{{- end }}
{{- with $root.Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- with $v.gracePeriodSeconds }}
terminationGracePeriodSeconds: {{ . }}
{{- end }}
{{- with $v.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $v.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $v.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Takes (root, part, name, kind of constraint). Restarts and small clusters must not be held up: anyway is better than not. */}}
{{- define "coldplate.spread" -}}
{{- $root := index . 0 -}}
{{- if $root.Values.topologySpread.enabled }}
topologySpreadConstraints:
{{- range (list $root.Values.topologySpread.key "kubernetes.io/hostname" | uniq) }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "coldplate.selector" (list $root (index $ 1)) | nindent 8 }}
{{- end }}
{{- end }}
{{- end }}

{{/*
How many. With KEDA it is KEDA's to say, and what it has said last is kept: without the field an upgrade that switches it on would
leave one pod of many until it looks. Where nothing can be looked up (`helm template`) the field is left out. Takes (root, part, values).
*/}}
{{- define "coldplate.replicas" -}}
{{- $root := index . 0 -}}
{{- $v := index . 2 -}}
{{- if not $v.autoscale.enabled -}}
replicas: {{ $v.replicas | int }}
{{- else -}}
{{- with lookup "apps/v1" "StatefulSet" $root.Release.Namespace (printf "%s-%s" (include "coldplate.fullname" $root) (index . 1)) -}}
replicas: {{ .spec.replicas | int }}
{{- end -}}
{{- end -}}
{{- end }}

{{/* Labels and annotations of a pod; a change of the configuration rolls the pods. Takes (root, part, values, configuration). */}}
{{- define "coldplate.pod.metadata" -}}
labels: {{- include "coldplate.labels" (list (index . 0) (index . 1)) | nindent 2 }}
{{- with (index . 2).podLabels }}{{- toYaml . | nindent 2 }}{{ end }}
annotations:
  checksum/config: {{ index . 3 | sha256sum }}
{{- with (index . 2).podAnnotations }}{{- toYaml . | nindent 2 }}{{ end }}
{{- end }}

{{/* Takes (root, user of Kafka or "", user of ClickHouse or ""). Secrets are mounted, so that a changed one is there without a restart. */}}
{{- define "coldplate.volumes" -}}
{{- $root := index . 0 -}}
{{- $k := $root.Values.kafka -}}
{{- $c := $root.Values.clickhouse -}}
- name: tmp
  emptyDir: {sizeLimit: 32Mi}
{{- with index . 1 }}
{{- $user := index $k.users . }}
{{- if ne $k.securityProtocol "PLAINTEXT" }}
- name: kafka
  projected:
    defaultMode: 0440
    sources:
    {{- if eq $k.securityProtocol "SSL" }}
      - secret:
          name: {{ $user.secret }}
          items: [{key: {{ $user.certKey }}, path: tls.crt}, {key: {{ $user.keyKey }}, path: tls.key}]
    {{- else }}
      - secret:
          name: {{ $user.secret }}
          items: [{key: {{ $user.passwordKey }}, path: password}]
    {{- end }}
    {{- if and $k.ca.secret (hasSuffix "SSL" $k.securityProtocol) }}
      - secret:
          name: {{ $k.ca.secret }}
          items: [{key: {{ $k.ca.key }}, path: ca.crt}]
    {{- end }}
{{- end }}
{{- $tls := $root.Values.monitoring.tls }}
{{- if and $tls.secret (ne . "topics") }}
- name: metrics-tls
  projected:
    defaultMode: 0440
    sources:
      - secret:
          name: {{ $tls.secret }}
          items: [{key: {{ $tls.certKey }}, path: tls.crt}, {key: {{ $tls.keyKey }}, path: tls.key}]
    {{- if $tls.clientCa.secret }}
      - secret:
          name: {{ $tls.clientCa.secret }}
          items: [{key: {{ $tls.clientCa.key }}, path: client-ca.crt}]
    {{- end }}
{{- end }}
{{- if fromJson (include "coldplate.signing" (list $root .)) }}
- name: signing
{{- $keys := index $root.Values.signing (get (dict "agent" "nodeKeys" "plant" "plantKeys") . | default "clusterKey") }}
{{- if $keys.hostPath }}
  # The node's own key alone, put there by whoever provisions it.
  hostPath: {path: {{ $keys.hostPath }}, type: Directory}
{{- else }}
  secret: {secretName: {{ $keys.secret }}, defaultMode: 0440, items: [{key: {{ $keys.key }}, path: {{ $keys.key }}}]}
{{- end }}
{{- end }}
{{- end }}
{{- with index . 2 }}
{{- $user := index $c.users . }}
- name: clickhouse
  projected:
    defaultMode: 0440
    sources:
      - secret:
          name: {{ $user.secret }}
          items: [{key: {{ $user.passwordKey }}, path: password}]
    {{- if and $c.secure $c.ca.secret }}
      - secret:
          name: {{ $c.ca.secret }}
          items: [{key: {{ $c.ca.key }}, path: ca.crt}]
    {{- end }}
{{- end }}
{{- if include "coldplate.inventory.source" $root }}
- name: inventory
{{- with $root.Values.inventory }}
{{- if .configMap }}
  configMap: {name: {{ .configMap }}}
{{- else if .secret }}
  secret: {secretName: {{ .secret }}, defaultMode: 0440}
{{- else }}
  persistentVolumeClaim: {claimName: {{ .claim }}, readOnly: true}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Takes the same. */}}
{{- define "coldplate.mounts" -}}
{{- $root := index . 0 -}}
- {name: tmp, mountPath: /tmp}
- {name: config, mountPath: /etc/coldplate/config, readOnly: true}
{{- if and (index . 1) (ne $root.Values.kafka.securityProtocol "PLAINTEXT") }}
- {name: kafka, mountPath: /etc/coldplate/kafka, readOnly: true}
{{- end }}
{{- with index . 1 }}
{{- if and $root.Values.monitoring.tls.secret (ne . "topics") }}
- {name: metrics-tls, mountPath: /etc/coldplate/metrics, readOnly: true}
{{- end }}
{{- if fromJson (include "coldplate.signing" (list $root .)) }}
- {name: signing, mountPath: /etc/coldplate/signing, readOnly: true}
{{- end }}
{{- end }}
{{- if index . 2 }}
- {name: clickhouse, mountPath: /etc/coldplate/clickhouse, readOnly: true}
{{- end }}
{{- if include "coldplate.inventory.source" $root }}
- {name: inventory, mountPath: /etc/coldplate/inventory, readOnly: true}
{{- end }}
{{- end }}

{{/* Nothing secret, and nothing that the configuration's file could have. */}}
{{- define "coldplate.env" -}}
- {name: COLDPLATE_CONFIG, value: /etc/coldplate/config/coldplate.toml}
- {name: COLDPLATE_STATE, value: /tmp/coldplate}
- {name: HOME, value: /tmp}
{{- end }}

{{/*
Worker, sink and alerter. They wait for servers that are away, and are not ready meanwhile; they are started anew when they stand
still. The first time may take long: a worker reads back what it knew. Takes the name of the port, or (root,
name of the port) for one that may be offered over TLS.
*/}}
{{- define "coldplate.probes" -}}
{{- $port := . -}}
{{- $scheme := "HTTP" -}}
{{- if kindIs "slice" . -}}
{{- $port = index . 1 -}}
{{- if (index . 0).Values.monitoring.tls.secret }}{{ $scheme = "HTTPS" }}{{ end -}}
{{- end -}}
startupProbe:
  httpGet: {path: /readyz, port: {{ $port }}, scheme: {{ $scheme }}}
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 120
livenessProbe:
  httpGet: {path: /healthz, port: {{ $port }}, scheme: {{ $scheme }}}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
readinessProbe:
  httpGet: {path: /readyz, port: {{ $port }}, scheme: {{ $scheme }}}
  periodSeconds: 10
  timeoutSeconds: 5
{{- end }}

{{/*
Agents. `/healthz` turns red for a GPU that does not answer, which no restart mends: it is for people and alerts. A loop that
stands turns `/readyz` red.
*/}}
{{- define "coldplate.agent.probes" -}}
{{- $scheme := ternary "HTTPS" "HTTP" (ne .Values.monitoring.tls.secret "") -}}
startupProbe:
  httpGet: {path: /readyz, port: metrics, scheme: {{ $scheme }}}
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /readyz, port: metrics, scheme: {{ $scheme }}}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
readinessProbe:
  httpGet: {path: /readyz, port: metrics, scheme: {{ $scheme }}}
  periodSeconds: 10
  timeoutSeconds: 5
{{- end }}
