# What stands on every cluster, whichever cloud it is of: operators first, then what they are told, then
# TaskFlow. The cluster's own root says the rest (variable platform).

# First, for other charts bring monitors of its kinds.
resource "helm_release" "monitoring" {
  name             = "monitoring"
  namespace        = "monitoring"
  create_namespace = true
  repository       = local.monitoring.repository
  chart            = local.monitoring.chart
  version          = local.monitoring.version
  values           = [yamlencode(local.monitoring.values)]
  wait             = true
  atomic           = true
  timeout          = 900
}

resource "helm_release" "operators" {
  for_each         = local.operators
  name             = each.key
  namespace        = each.value.namespace
  create_namespace = true
  repository       = each.value.repository
  chart            = each.value.chart
  version          = each.value.version
  values           = [yamlencode(each.value.values)]
  wait             = true
  atomic           = true
  timeout          = 600
  depends_on       = [helm_release.monitoring]
}

resource "helm_release" "namespace" {
  name      = "namespace"
  namespace = "kube-system"
  chart     = "${path.module}/objects"
  values    = [yamlencode({ objects = [local.namespace] })]
}

resource "helm_release" "objects" {
  name             = "objects"
  namespace        = "knative-serving"
  create_namespace = true
  chart            = "${path.module}/objects"
  values           = [yamlencode({ objects = concat([local.knative], local.certificates, local.deploy, local.policies) })]
  depends_on       = [helm_release.operators, helm_release.namespace]
}

# TaskFlow itself, the first time: by the very script that workflows run, so there is one way.
resource "terraform_data" "taskflow" {
  count            = var.image == "" ? 0 : 1
  triggers_replace = [var.image]
  provisioner "local-exec" {
    command = "${path.module}/../../release/deploy.sh"
    environment = {
      CLOUD         = var.platform.cloud
      IMAGE         = var.image
      DOMAIN        = var.platform.domain
      TASKFLOW_SMTP = var.smtp
      KUBECONFIG    = pathexpand(var.kubeconfig)
      KUBE_CONTEXT  = var.context
    }
  }
  depends_on = [helm_release.objects]
}
