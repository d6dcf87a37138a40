# A cluster on Google, private machines, no stored keys: what a name, a range or a size may be is decided
# by sizing/, what runs in it by platform/.

module "sizing" {
  source      = "../sizing"
  cloud       = "gke"
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

locals {
  services = [
    "artifactregistry", "billingbudgets", "cloudkms", "compute", "container", "dns", "iam",
    "iamcredentials", "logging", "monitoring", "sts",
  ]
}

resource "google_project_service" "used" {
  for_each           = toset(local.services)
  service            = "${each.key}.googleapis.com"
  disable_on_destroy = false
}

data "google_project" "all" {
  project_id = var.project
}

resource "google_kms_key_ring" "all" {
  name       = module.sizing.stem
  location   = var.region
  depends_on = [google_project_service.used]
}

# Secrets in the cluster, disks of machines, images.
resource "google_kms_crypto_key" "all" {
  name            = "all"
  key_ring        = google_kms_key_ring.all.id
  rotation_period = "7776000s"
  lifecycle {
    prevent_destroy = true
  }
}

resource "google_container_cluster" "cluster" {
  #checkov:skip=CKV_GCP_12:Dataplane V2 enforces NetworkPolicies; the argument is for the network before it
  #checkov:skip=CKV_GCP_65:groups want Google Workspace, which not everybody has; the rights inside are given by platform/
  name                     = module.sizing.stem
  location                 = var.region
  remove_default_node_pool = true
  initial_node_count       = 1
  min_master_version       = var.kubernetes_version
  deletion_protection      = var.environment == "production"
  network                  = google_compute_network.all.id
  subnetwork               = google_compute_subnetwork.nodes.id
  networking_mode          = "VPC_NATIVE"
  # Cilium enforces NetworkPolicies.
  datapath_provider           = "ADVANCED_DATAPATH"
  enable_intranode_visibility = true
  enable_legacy_abac          = false
  resource_labels             = module.sizing.tags

  release_channel {
    channel = "REGULAR"
  }

  ip_allocation_policy {
    cluster_secondary_range_name  = "pods"
    services_secondary_range_name = "services"
  }

  # The API: inside the network alone, or from the ranges that were named.
  private_cluster_config {
    enable_private_nodes    = true
    enable_private_endpoint = length(var.api_access) == 0
    master_ipv4_cidr_block  = module.sizing.network.control_plane
  }

  master_authorized_networks_config {
    gcp_public_cidrs_access_enabled = false
    dynamic "cidr_blocks" {
      for_each = var.api_access
      content {
        cidr_block = cidr_blocks.value
      }
    }
  }

  master_auth {
    client_certificate_config {
      issue_client_certificate = false
    }
  }

  workload_identity_config {
    workload_pool = "${var.project}.svc.id.goog"
  }

  database_encryption {
    state    = "ENCRYPTED"
    key_name = google_kms_crypto_key.all.id
  }

  binary_authorization {
    evaluation_mode = "PROJECT_SINGLETON_POLICY_ENFORCE"
  }

  security_posture_config {
    mode               = "BASIC"
    vulnerability_mode = "VULNERABILITY_BASIC"
  }

  # Only what the first pool, removed at once, is made of.
  node_config {
    service_account = google_service_account.nodes.email
    shielded_instance_config {
      enable_secure_boot          = true
      enable_integrity_monitoring = true
    }
    workload_metadata_config {
      mode = "GKE_METADATA"
    }
  }

  logging_config {
    enable_components = ["SYSTEM_COMPONENTS", "APISERVER"]
  }

  monitoring_config {
    enable_components = ["SYSTEM_COMPONENTS"]
    managed_prometheus {
      enabled = false
    }
  }

  cluster_autoscaling {
    autoscaling_profile = "OPTIMIZE_UTILIZATION"
  }

  maintenance_policy {
    recurring_window {
      start_time = "2026-01-04T02:00:00Z"
      end_time   = "2026-01-04T08:00:00Z"
      recurrence = "FREQ=WEEKLY;BYDAY=SA,SU"
    }
  }

  lifecycle {
    # The first pool is gone; the channel moves the version on.
    ignore_changes = [node_config, min_master_version]
  }

  depends_on = [google_kms_crypto_key_iam_member.services]
}

locals {
  pools = {
    platform = {
      machine = module.sizing.platform.machine
      min     = module.sizing.platform.min
      max     = module.sizing.platform.max
      spot    = false
    }
    functions = {
      machine = module.sizing.functions.machine
      min     = module.sizing.functions.min
      max     = module.sizing.functions.max
      spot    = true
    }
  }
}

resource "google_container_node_pool" "pools" {
  for_each = local.pools
  name     = each.key
  cluster  = google_container_cluster.cluster.id
  location = var.region
  # Of the whole region, not of each of its three zones.
  autoscaling {
    total_min_node_count = each.value.min
    total_max_node_count = each.value.max
    location_policy      = each.value.spot ? "ANY" : "BALANCED"
  }
  management {
    auto_repair  = true
    auto_upgrade = true
  }
  upgrade_settings {
    max_surge       = 1
    max_unavailable = 0
  }
  node_config {
    machine_type      = each.value.machine
    spot              = each.value.spot
    image_type        = "COS_CONTAINERD"
    disk_type         = "pd-balanced"
    disk_size_gb      = 64
    boot_disk_kms_key = google_kms_crypto_key.all.id
    service_account   = google_service_account.nodes.email
    oauth_scopes      = ["https://www.googleapis.com/auth/cloud-platform"]
    metadata          = { disable-legacy-endpoints = "true" }
    labels            = { "taskflow.dev/pool" = each.key }
    resource_labels   = module.sizing.tags
    shielded_instance_config {
      enable_secure_boot          = true
      enable_integrity_monitoring = true
    }
    workload_metadata_config {
      mode = "GKE_METADATA"
    }
    dynamic "taint" {
      for_each = each.value.spot ? ["cloud.google.com/gke-spot"] : []
      content {
        key    = taint.value
        value  = "true"
        effect = "NO_SCHEDULE"
      }
    }
  }
}

resource "google_artifact_registry_repository" "images" {
  repository_id = module.sizing.stem
  location      = var.region
  format        = "DOCKER"
  kms_key_name  = google_kms_crypto_key.all.id
  docker_config {
    immutable_tags = true
  }
  depends_on = [google_kms_crypto_key_iam_member.services]
}

resource "google_monitoring_notification_channel" "budget" {
  for_each     = toset(var.budget.emails)
  display_name = "${module.sizing.stem} ${each.key}"
  type         = "email"
  labels       = { email_address = each.key }
  depends_on   = [google_project_service.used]
}

resource "google_billing_budget" "budget" {
  billing_account = var.billing_account
  display_name    = module.sizing.stem
  budget_filter {
    projects = ["projects/${data.google_project.all.number}"]
  }
  amount {
    specified_amount {
      units = tostring(floor(var.budget.monthly))
    }
  }
  dynamic "threshold_rules" {
    for_each = { CURRENT_SPEND = 0.8, FORECASTED_SPEND = 1.0 }
    content {
      spend_basis       = threshold_rules.key
      threshold_percent = threshold_rules.value
    }
  }
  all_updates_rule {
    monitoring_notification_channels = [for channel in google_monitoring_notification_channel.budget : channel.id]
    disable_default_iam_recipients   = false
  }
}
