# The operators, each in a pinned version and with what TaskFlow wants of it.

locals {
  # How often what must not be missed stands there.
  copies  = var.environment == "production" ? 2 : 1
  watched = { enabled = true, serviceMonitor = { enabled = true } }

  monitoring = {
    repository = "oci://ghcr.io/prometheus-community/charts"
    chart      = "kube-prometheus-stack"
    version    = "88.5.3"
    values = {
      # The clouds keep these to themselves.
      kubeEtcd              = { enabled = false }
      kubeScheduler         = { enabled = false }
      kubeControllerManager = { enabled = false }
      kubeProxy             = { enabled = false }
      prometheus = {
        prometheusSpec = {
          # Rules and monitors of everybody, not of this chart alone.
          serviceMonitorSelectorNilUsesHelmValues = false
          podMonitorSelectorNilUsesHelmValues     = false
          ruleSelectorNilUsesHelmValues           = false
          probeSelectorNilUsesHelmValues          = false
          scrapeConfigSelectorNilUsesHelmValues   = false
          # Functions live too short to be scraped: they send.
          enableOTLPReceiver = true
          retention          = "30d"
          retentionSize      = "45GB"
          replicas           = local.copies
          resources          = { requests = { cpu = "200m", memory = "1Gi" }, limits = { memory = "2Gi" } }
          storageSpec = {
            volumeClaimTemplate = {
              spec = {
                storageClassName = var.platform.storage_class
                accessModes      = ["ReadWriteOnce"]
                resources        = { requests = { storage = "50Gi" } }
              }
            }
          }
        }
      }
      grafana = {
        resources = { requests = { cpu = "50m", memory = "256Mi" }, limits = { memory = "512Mi" } }
        sidecar   = { dashboards = { searchNamespace = "ALL" } }
      }
    }
  }

  operators = {
    cert-manager = {
      namespace  = "cert-manager"
      repository = "oci://quay.io/jetstack/charts"
      chart      = "cert-manager"
      version    = "v1.21.2"
      values = {
        crds           = { enabled = true, keep = true }
        prometheus     = { servicemonitor = { enabled = true } }
        resources      = { requests = { cpu = "10m", memory = "64Mi" } }
        podLabels      = local.account.labels
        serviceAccount = { labels = local.account.labels, annotations = local.account.annotations }
      }
    }
    keda = {
      namespace  = "keda"
      repository = "https://kedacore.github.io/charts"
      chart      = "keda"
      version    = "2.20.2"
      values = {
        operator      = { replicaCount = local.copies }
        metricsServer = { replicaCount = local.copies }
        webhooks      = { replicaCount = local.copies }
        prometheus    = { operator = local.watched, metricServer = local.watched, webhooks = local.watched }
      }
    }
    dapr = {
      namespace  = "dapr-system"
      repository = "https://dapr.github.io/helm-charts/"
      chart      = "dapr"
      version    = "1.18.3"
      values = {
        global = {
          logAsJson = true
          ha        = { enabled = var.environment == "production" }
          mtls      = { enabled = true }
        }
        dapr_operator  = { resources = local.small }
        dapr_sentry    = { resources = local.small }
        dapr_placement = { resources = local.small }
        dapr_scheduler = { resources = local.small, cluster = { storageClassName = var.platform.storage_class } }
        # A pod whose sidecar was not injected would never consume: rather no pod.
        dapr_sidecar_injector = { resources = local.small, webhookFailurePolicy = "Fail" }
      }
    }
    strimzi = {
      namespace  = "strimzi"
      repository = "oci://quay.io/strimzi-helm"
      chart      = "strimzi-kafka-operator"
      version    = "1.2.0"
      values = {
        replicas        = local.copies
        watchNamespaces = [local.namespace.metadata.name]
        dashboards      = { enabled = true, namespace = "monitoring" }
      }
    }
    cloudnative-pg = {
      namespace  = "cnpg-system"
      repository = "https://cloudnative-pg.github.io/charts"
      chart      = "cloudnative-pg"
      # Of the operator 1.30.0.
      version = "0.29.0"
      values = {
        replicaCount = local.copies
        resources    = { requests = { cpu = "100m", memory = "128Mi" } }
        monitoring   = { podMonitorEnabled = true }
      }
    }
    knative-operator = {
      namespace  = "knative-operator"
      repository = "https://knative.github.io/operator"
      chart      = "knative-operator"
      version    = "1.23.0"
      values     = {}
    }
  }

  small   = { requests = { cpu = "50m", memory = "96Mi" } }
  account = var.platform.certificates == null ? { labels = {}, annotations = {} } : var.platform.certificates.account
}
