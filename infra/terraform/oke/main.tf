# A cluster on Oracle, private machines, no stored keys: what a name, a range or a size may be is decided
# by sizing/, what runs in it by platform/.

module "sizing" {
  source      = "../sizing"
  cloud       = "oke"
  name        = var.name
  environment = var.environment
  region      = var.region
  owner       = var.owner
  network     = var.network
  api_access  = var.api_access
  platform    = var.platform
  functions   = var.functions
  budget      = var.budget
  repository  = var.repository
  domain      = var.domain
}

data "oci_identity_availability_domains" "all" {
  compartment_id = var.tenancy
}

data "oci_objectstorage_namespace" "registry" {
  compartment_id = var.compartment
}

data "oci_containerengine_node_pool_option" "images" {
  node_pool_option_id = oci_containerengine_cluster.cluster.id
  compartment_id      = var.compartment
}

locals {
  domains = slice(data.oci_identity_availability_domains.all.availability_domains[*].name, 0, module.sizing.availability_domains)
  version = "v${var.kubernetes_version}"
  # The newest Oracle Linux 8 for this version, not for Arm nor graphics.
  images = [
    for source in data.oci_containerengine_node_pool_option.images.sources : source.image_id
    if can(regex("^Oracle-Linux-8.*OKE-${var.kubernetes_version}-", source.source_name)) && !can(regex("aarch64|GPU", source.source_name))
  ]
  pools = {
    platform = {
      shape = module.sizing.platform.size
      min   = module.sizing.platform.min
      max   = module.sizing.platform.max
      spot  = false
    }
    functions = {
      shape = module.sizing.functions.size
      min   = module.sizing.functions.min
      max   = module.sizing.functions.max
      spot  = true
    }
  }
}

resource "oci_kms_vault" "all" {
  compartment_id = var.compartment
  display_name   = module.sizing.stem
  vault_type     = "DEFAULT"
  freeform_tags  = module.sizing.tags
}

# Secrets in the cluster, disks of machines, images.
resource "oci_kms_key" "all" {
  compartment_id      = var.compartment
  display_name        = module.sizing.stem
  management_endpoint = oci_kms_vault.all.management_endpoint
  protection_mode     = "HSM"
  freeform_tags       = module.sizing.tags
  key_shape {
    algorithm = "AES"
    length    = 32
  }
  lifecycle {
    prevent_destroy = true
  }
}

resource "oci_containerengine_cluster" "cluster" {
  #checkov:skip=CKV2_OCI_6:Kubernetes 1.25 took pod security policies away; the namespace says its standard in infra/kubernetes/base/namespace.yaml
  compartment_id     = var.compartment
  name               = module.sizing.stem
  kubernetes_version = local.version
  vcn_id             = oci_core_vcn.all.id
  # Add-ons and workload identity want it.
  type          = "ENHANCED_CLUSTER"
  kms_key_id    = oci_kms_key.all.id
  freeform_tags = module.sizing.tags

  cluster_pod_network_options {
    cni_type = "FLANNEL_OVERLAY"
  }

  # The API: inside the network alone, or from the ranges that were named.
  endpoint_config {
    subnet_id            = oci_core_subnet.all["control_plane"].id
    is_public_ip_enabled = length(var.api_access) > 0
    nsg_ids              = [oci_core_network_security_group.all["control_plane"].id]
  }

  options {
    service_lb_subnet_ids = [oci_core_subnet.all["load_balancer"].id]
    kubernetes_network_config {
      pods_cidr     = module.sizing.network.pods
      services_cidr = module.sizing.network.services
    }
    open_id_connect_discovery {
      is_open_id_connect_discovery_enabled = true
    }
    persistent_volume_config {
      freeform_tags = module.sizing.tags
    }
    service_lb_config {
      freeform_tags = module.sizing.tags
    }
  }

  depends_on = [oci_identity_policy.services]
}

resource "oci_containerengine_node_pool" "pools" {
  for_each           = local.pools
  compartment_id     = var.compartment
  cluster_id         = oci_containerengine_cluster.cluster.id
  name               = each.key
  kubernetes_version = local.version
  node_shape         = each.value.shape.shape
  freeform_tags      = module.sizing.tags

  node_shape_config {
    ocpus         = each.value.shape.ocpus
    memory_in_gbs = each.value.shape.memory / 1024
  }

  node_source_details {
    source_type             = "IMAGE"
    image_id                = local.images[0]
    boot_volume_size_in_gbs = "64"
  }

  node_config_details {
    size                                = each.value.min
    kms_key_id                          = oci_kms_key.all.id
    is_pv_encryption_in_transit_enabled = true
    nsg_ids                             = [oci_core_network_security_group.all["nodes"].id]
    freeform_tags                       = module.sizing.tags
    dynamic "placement_configs" {
      for_each = local.domains
      content {
        availability_domain = placement_configs.value
        subnet_id           = oci_core_subnet.all["nodes"].id
        # Three of them stand apart where a region has one domain.
        fault_domains = ["FAULT-DOMAIN-1", "FAULT-DOMAIN-2", "FAULT-DOMAIN-3"]
        dynamic "preemptible_node_config" {
          for_each = each.value.spot ? [true] : []
          content {
            preemption_action {
              type                    = "TERMINATE"
              is_preserve_boot_volume = false
            }
          }
        }
      }
    }
  }

  node_eviction_node_pool_settings {
    eviction_grace_duration              = "PT5M"
    is_force_delete_after_grace_duration = true
  }

  initial_node_labels {
    key   = "taskflow.dev/pool"
    value = each.key
  }

  lifecycle {
    # The autoscaler's business, and a newer image is taken with a newer version.
    ignore_changes = [node_config_details[0].size, node_source_details]
    precondition {
      condition     = length(local.images) > 0
      error_message = "Oracle has no machine image for Kubernetes ${var.kubernetes_version}. Choose a version of oci ce node-pool-options get --node-pool-option-id all."
    }
  }
}

resource "oci_containerengine_addon" "autoscaler" {
  cluster_id                       = oci_containerengine_cluster.cluster.id
  addon_name                       = "ClusterAutoscaler"
  remove_addon_resources_on_delete = true
  dynamic "configurations" {
    for_each = {
      authType              = "workload"
      numOfReplicas         = "1"
      scaleDownUnneededTime = "5m"
      expander              = "least-waste"
      nodes                 = join(", ", [for name, pool in local.pools : "${pool.min}:${pool.max}:${oci_containerengine_node_pool.pools[name].id}"])
    }
    content {
      key   = configurations.key
      value = configurations.value
    }
  }
  depends_on = [oci_identity_policy.cluster]
}

resource "oci_artifacts_container_repository" "images" {
  compartment_id = var.compartment
  display_name   = "${module.sizing.stem}/taskflow"
  is_public      = false
  is_immutable   = true
  freeform_tags  = module.sizing.tags
}

resource "oci_budget_budget" "budget" {
  compartment_id = var.tenancy
  display_name   = module.sizing.stem
  amount         = floor(var.budget.monthly)
  reset_period   = "MONTHLY"
  target_type    = "COMPARTMENT"
  targets        = [var.compartment]
  freeform_tags  = module.sizing.tags
}

resource "oci_budget_alert_rule" "budget" {
  for_each       = { ACTUAL = 80, FORECAST = 100 }
  budget_id      = oci_budget_budget.budget.id
  display_name   = "${module.sizing.stem}-${lower(each.key)}"
  type           = each.key
  threshold      = each.value
  threshold_type = "PERCENTAGE"
  recipients     = join(",", var.budget.emails)
}
