{{- define "stillhunt.name" -}}
{{- printf "%s-%s" (.root.Release.Name | trunc 40 | trimSuffix "-") .part -}}
{{- end }}

{{- define "stillhunt.selector" -}}
app.kubernetes.io/name: stillhunt
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end }}

{{- define "stillhunt.labels" -}}
{{ include "stillhunt.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "stillhunt.image" -}}
{{- with .Values.image -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end -}}
{{- end -}}
{{- end }}

{{/*
The pod of a part. "only" is what `serve` does there; "claimed" says that the data folder is a claim of the pod's own.
Readiness asks /healthz, not /readyz: while the database is away, receivers go on receiving and deciders answering.
*/}}
{{- define "stillhunt.pod" -}}
metadata:
  labels: {{- include "stillhunt.selector" . | nindent 4 }}
  annotations:
    checksum/config: {{ printf "%s%s" .root.Values.settings .root.Values.policy | sha256sum }}
spec:
  serviceAccountName: {{ include "stillhunt.name" (dict "root" .root "part" "account") }}
  automountServiceAccountToken: false
  terminationGracePeriodSeconds: 40
  securityContext:
    runAsNonRoot: true
    runAsUser: 10001
    runAsGroup: 10001
    fsGroup: 10001
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile: {type: RuntimeDefault}
  containers:
    - name: {{ .part }}
      image: {{ include "stillhunt.image" .root | quote }}
      imagePullPolicy: {{ .root.Values.image.pullPolicy }}
      workingDir: /config
      args: [serve, --only, {{ .only }}, --data, /data, --listen, "0.0.0.0:8686"]
      envFrom:
        - secretRef: {name: {{ .root.Values.existingSecret | quote }}}
      env:
        {{- if .root.Values.policy }}
        - {name: STILLHUNT_DECIDE__POLICY, value: /config/policy.toml}
        {{- end }}
        # so that the start needs no folder that can be written, but the data and /tmp
        - {name: HOME, value: /tmp}
      ports:
        - {name: http, containerPort: 8686}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: {drop: [ALL]}
      startupProbe:
        httpGet: {path: {{ .started }}, port: http}
        periodSeconds: 2
        failureThreshold: 60
      livenessProbe:
        httpGet: {path: /healthz, port: http}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet: {path: /healthz, port: http}
        periodSeconds: 5
        timeoutSeconds: 3
      resources: {{- toYaml (index .root.Values .part).resources | nindent 8 }}
      volumeMounts:
        - {name: data, mountPath: /data}
        - {name: config, mountPath: /config, readOnly: true}
        - {name: tmp, mountPath: /tmp}
  volumes:
    - name: config
      configMap: {name: {{ include "stillhunt.name" (dict "root" .root "part" "config") }}}
    - name: tmp
      emptyDir: {}
    {{- if not .claimed }}
    - name: data
      emptyDir: {}
    {{- end }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels: {{- include "stillhunt.selector" . | nindent 10 }}
  {{- with .root.Values.nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .root.Values.tolerations }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
