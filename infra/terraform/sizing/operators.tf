# What runs always beside Kafka and PostgreSQL: pods and what each asks for, as platform/ sets it or the
# chart does by itself. In production what must not be missed stands twice, Dapr's parts thrice.
locals {
  copies = var.environment == "production" ? 2 : 1
  operators = {
    pooler              = { pods = 2, cpu = "50m", memory = "64Mi" }
    redis               = { pods = 1, cpu = "20m", memory = "32Mi" }
    kafka-entity        = { pods = 1, cpu = "100m", memory = "512Mi" }
    kafka-exporter      = { pods = 1, cpu = "50m", memory = "64Mi" }
    strimzi             = { pods = local.copies, cpu = "200m", memory = "384Mi" }
    cloudnative-pg      = { pods = local.copies, cpu = "100m", memory = "128Mi" }
    keda                = { pods = 3 * local.copies, cpu = "100m", memory = "100Mi" }
    dapr                = { pods = var.environment == "production" ? 15 : 7, cpu = "50m", memory = "96Mi" }
    knative-serving     = { pods = 5 * local.copies, cpu = "100m", memory = "100Mi" }
    kourier             = { pods = 2, cpu = "100m", memory = "128Mi" }
    knative-operator    = { pods = 2, cpu = "100m", memory = "100Mi" }
    cert-manager        = { pods = 3, cpu = "10m", memory = "64Mi" }
    prometheus          = { pods = local.copies, cpu = "200m", memory = "1Gi" }
    grafana             = { pods = 1, cpu = "50m", memory = "256Mi" }
    prometheus-operator = { pods = 1, cpu = "50m", memory = "128Mi" }
    kube-state-metrics  = { pods = 1, cpu = "20m", memory = "64Mi" }
  }
}
