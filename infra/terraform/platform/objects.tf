# What the operators are told: Knative's parts, who issues certificates, who deploys.

locals {
  namespace = yamldecode(file("${path.module}/../../kubernetes/base/namespace.yaml"))
  part_of   = { "app.kubernetes.io/part-of" = "taskflow" }

  knative = {
    apiVersion = "operator.knative.dev/v1beta1"
    kind       = "KnativeServing"
    metadata   = { name = "knative-serving", namespace = "knative-serving" }
    spec = {
      version             = "1.23.0"
      "high-availability" = { replicas = local.copies }
      ingress = {
        kourier = { enabled = true, "service-load-balancer-ip" = var.platform.ingress.ip }
      }
      services = [{ name = "kourier", annotations = var.platform.ingress.annotations }]
      config = {
        network = {
          "ingress-class" = "kourier.ingress.networking.knative.dev"
          # The gateway's own name is claimed with its DomainMapping.
          "autocreate-cluster-domain-claims" = "true"
        }
        domain     = { (var.platform.domain) = "" }
        deployment = { "pod-is-always-schedulable" = "true" }
        observability = {
          "metrics-protocol"         = "prometheus"
          "request-metrics-protocol" = "prometheus"
        }
      }
    }
  }

  # Without a solver (Oracle) the secret gateway-certificate is brought.
  certificates = [for one in [
    {
      apiVersion = "cert-manager.io/v1"
      kind       = "ClusterIssuer"
      metadata   = { name = "letsencrypt" }
      spec = {
        acme = {
          server              = "https://acme-v02.api.letsencrypt.org/directory"
          email               = var.mail
          privateKeySecretRef = { name = "letsencrypt" }
          solvers             = [{ dns01 = try(var.platform.certificates.solver, null) }]
        }
      }
    },
    {
      apiVersion = "cert-manager.io/v1"
      kind       = "Certificate"
      metadata   = { name = "gateway", namespace = local.namespace.metadata.name, labels = local.part_of }
      spec = {
        secretName = "gateway-certificate"
        dnsNames   = [var.platform.domain]
        issuerRef  = { kind = "ClusterIssuer", name = "letsencrypt" }
        privateKey = { algorithm = "ECDSA", rotationPolicy = "Always" }
      }
    },
  ] : one if var.platform.certificates != null]

  everything = ["get", "list", "watch", "create", "update", "patch", "delete"]
  # Whoever deploys: TaskFlow's own kinds in its own namespace, and its class of snapshots. Rights it may
  # give there too, for the gateway has one; Kubernetes lets nobody give more than they have.
  deploy = [
    {
      apiVersion = "rbac.authorization.k8s.io/v1"
      kind       = "Role"
      metadata   = { name = "deploy", namespace = local.namespace.metadata.name, labels = local.part_of }
      rules = [
        { apiGroups = [""], resources = ["configmaps", "secrets", "services", "serviceaccounts"], verbs = local.everything },
        { apiGroups = [""], resources = ["pods", "pods/log", "events"], verbs = ["get", "list", "watch"] },
        { apiGroups = ["apps"], resources = ["deployments", "deployments/scale"], verbs = local.everything },
        { apiGroups = ["batch"], resources = ["jobs", "cronjobs"], verbs = local.everything },
        { apiGroups = ["networking.k8s.io"], resources = ["networkpolicies"], verbs = local.everything },
        { apiGroups = ["policy"], resources = ["poddisruptionbudgets"], verbs = local.everything },
        { apiGroups = ["rbac.authorization.k8s.io"], resources = ["roles", "rolebindings"], verbs = local.everything },
        { apiGroups = ["dapr.io", "keda.sh", "kafka.strimzi.io", "postgresql.cnpg.io", "monitoring.coreos.com"], resources = ["*"], verbs = local.everything },
        { apiGroups = ["serving.knative.dev"], resources = ["services", "revisions", "routes", "configurations", "domainmappings"], verbs = local.everything },
      ]
    },
    {
      apiVersion = "rbac.authorization.k8s.io/v1"
      kind       = "ClusterRole"
      metadata   = { name = "taskflow-deploy", labels = local.part_of }
      rules = [
        { apiGroups = [""], resources = ["namespaces"], resourceNames = [local.namespace.metadata.name], verbs = ["get", "patch"] },
        { apiGroups = ["snapshot.storage.k8s.io"], resources = ["volumesnapshotclasses"], verbs = ["get", "create"] },
        { apiGroups = ["snapshot.storage.k8s.io"], resources = ["volumesnapshotclasses"], resourceNames = ["taskflow"], verbs = ["patch"] },
        # The canary asks Prometheus, by the API server.
        { apiGroups = [""], resources = ["services/proxy"], resourceNames = ["http:monitoring-kube-prometheus-prometheus:9090"], verbs = ["get"] },
      ]
    },
    {
      apiVersion = "rbac.authorization.k8s.io/v1"
      kind       = "RoleBinding"
      metadata   = { name = "deploy", namespace = local.namespace.metadata.name, labels = local.part_of }
      roleRef    = { apiGroup = "rbac.authorization.k8s.io", kind = "Role", name = "deploy" }
      subjects   = [local.deployer]
    },
    {
      apiVersion = "rbac.authorization.k8s.io/v1"
      kind       = "ClusterRoleBinding"
      metadata   = { name = "taskflow-deploy", labels = local.part_of }
      roleRef    = { apiGroup = "rbac.authorization.k8s.io", kind = "ClusterRole", name = "taskflow-deploy" }
      subjects   = [local.deployer]
    },
  ]
  # Oracle knows a runner by the group it is in, the others by its own name.
  deployer = { apiGroup = "rbac.authorization.k8s.io", kind = var.platform.cloud == "oke" ? "Group" : "User", name = var.platform.deployer }

  policies = [
    for text in split("\n---\n", file("${path.module}/network-policies.yaml")) : yamldecode(text)
    if var.platform.enforce_policies
  ]
}
