# The same outputs on every cloud, and what platform/ is told.

output "cluster" {
  description = "The cluster, and the command that writes its address into a kubeconfig."
  value = {
    name    = google_container_cluster.cluster.name
    region  = var.region
    private = length(var.api_access) == 0
    reach   = "gcloud container clusters get-credentials ${google_container_cluster.cluster.name} --project ${var.project} --region ${var.region}"
  }
}

output "registry" {
  description = "Where images are pushed, and the command that logs in."
  value = {
    address = local.registry
    login   = "gcloud auth configure-docker ${var.region}-docker.pkg.dev"
  }
}

output "database" {
  description = "PostgreSQL runs in the cluster (CloudNativePG); its disks are encrypted and snapshotted."
  value = {
    host  = "database-rw.taskflow.svc"
    port  = 5432
    name  = "taskflow"
    disks = "premium-rwo"
    reach = "kubectl -n taskflow port-forward service/database-rw 5432"
  }
}

locals {
  registry = "${var.region}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.images.repository_id}/taskflow"
}

output "platform" {
  description = "What platform/ wants to know (README.md says how it is told)."
  value = {
    cloud  = "gke"
    domain = var.domain
    ingress = {
      ip          = google_compute_address.ingress.address
      annotations = {}
    }
    certificates = {
      account = {
        labels      = {}
        annotations = { "iam.gke.io/gcp-service-account" = google_service_account.certificates.email }
      }
      solver = {
        cloudDNS = { project = var.project, hostedZoneName = google_dns_managed_zone.domain.name }
      }
    }
    deployer         = google_service_account.deploy.email
    enforce_policies = false
    storage_class    = "premium-rwo"
  }
}

output "deploy" {
  description = "Variables of the GitHub environment: none of them is a secret."
  value = {
    CLOUD                  = "gke"
    GOOGLE_PROVIDER        = google_iam_workload_identity_pool_provider.github.name
    GOOGLE_SERVICE_ACCOUNT = google_service_account.deploy.email
    REGISTRY               = local.registry
    CLUSTER                = google_container_cluster.cluster.name
    CLUSTER_PLACE          = var.region
    DOMAIN                 = var.domain
  }
}

output "cost" {
  description = "US dollars a month at list prices: idle, and with every pool at its most."
  value       = module.sizing.cost
}
