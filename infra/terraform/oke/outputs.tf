# The same outputs on every cloud, and what platform/ is told.

output "cluster" {
  description = "The cluster, and the command that writes its address into a kubeconfig."
  value = {
    name    = oci_containerengine_cluster.cluster.name
    region  = var.region
    private = length(var.api_access) == 0
    reach   = "oci ce cluster create-kubeconfig --cluster-id ${oci_containerengine_cluster.cluster.id} --region ${var.region} --token-version 2.0.0 --kube-endpoint ${length(var.api_access) == 0 ? "PRIVATE_ENDPOINT" : "PUBLIC_ENDPOINT"}"
  }
}

locals {
  registry = "${var.region}.ocir.io/${data.oci_objectstorage_namespace.registry.namespace}/${oci_artifacts_container_repository.images.display_name}"
}

output "registry" {
  description = "Where images are pushed, and the command that logs in."
  value = {
    address = local.registry
    login   = "oci raw-request --http-method GET --target-uri https://${var.region}.ocir.io/20180419/docker/token | jq -r .data.token | docker login ${var.region}.ocir.io -u BEARER_TOKEN --password-stdin"
  }
}

output "database" {
  description = "PostgreSQL runs in the cluster (CloudNativePG); its disks are encrypted and snapshotted."
  value = {
    host  = "database-rw.taskflow.svc"
    port  = 5432
    name  = "taskflow"
    disks = "oci-bv"
    reach = "kubectl -n taskflow port-forward service/database-rw 5432"
  }
}

output "platform" {
  description = "What platform/ wants to know (README.md says how it is told)."
  value = {
    cloud  = "oke"
    domain = var.domain
    ingress = {
      ip = oci_core_public_ip.ingress.ip_address
      annotations = {
        "oci.oraclecloud.com/oci-network-security-groups"        = oci_core_network_security_group.all["load_balancer"].id
        "oci.oraclecloud.com/oci-backend-network-security-group" = oci_core_network_security_group.all["nodes"].id
        "oci.oraclecloud.com/security-rule-management-mode"      = "None"
      }
    }
    # cert-manager has no solver for Oracle's DNS: the certificate is brought.
    certificates = null
    # A runner of the dynamic group is known to Kubernetes by its machine; its group is what is bound.
    deployer = oci_identity_dynamic_group.runners.id
    # Flannel leaves NetworkPolicies to somebody else.
    enforce_policies = true
    storage_class    = "oci-bv"
  }
}

output "deploy" {
  description = "Variables of the GitHub environment: none of them is a secret."
  value = {
    CLOUD         = "oke"
    REGISTRY      = local.registry
    CLUSTER       = oci_containerengine_cluster.cluster.id
    CLUSTER_PLACE = var.region
    DOMAIN        = var.domain
  }
}

output "cost" {
  description = "US dollars a month at list prices: idle, and with every pool at its most."
  value       = module.sizing.cost
}
