# A cluster on Azure, private machines, no stored keys: what a name, a range or a size may be is decided
# by sizing/, what runs in it by platform/.

module "sizing" {
  source      = "../sizing"
  cloud       = "aks"
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

resource "azurerm_resource_group" "all" {
  name     = module.sizing.stem
  location = var.region
  tags     = module.sizing.tags
}

resource "azurerm_kubernetes_cluster" "cluster" {
  #checkov:skip=CKV_AZURE_4:the diagnostic setting below sends the audit log; the agent would send everything, at its price
  #checkov:skip=CKV_AZURE_117:disks are encrypted with Azure's keys, hosts too; a key of one's own that is lost takes the cluster with it
  #checkov:skip=CKV_AZURE_170:the paid tier is for production, where it is set
  #checkov:skip=CKV_AZURE_226:the known machines have no disk of their own for it
  #checkov:skip=CKV_AZURE_232:this pool is for Kafka, PostgreSQL and the gateway too
  name                      = module.sizing.stem
  location                  = azurerm_resource_group.all.location
  resource_group_name       = azurerm_resource_group.all.name
  node_resource_group       = "${module.sizing.stem}-nodes"
  dns_prefix                = module.sizing.stem
  kubernetes_version        = var.kubernetes_version
  sku_tier                  = var.environment == "production" ? "Standard" : "Free"
  automatic_upgrade_channel = "patch"
  node_os_upgrade_channel   = "NodeImage"
  # The API: inside the network alone, or from the ranges that were named.
  private_cluster_enabled = length(var.api_access) == 0
  # People and workflows come with Entra's tokens, pods with the cluster's own.
  local_account_disabled            = true
  role_based_access_control_enabled = true
  oidc_issuer_enabled               = true
  workload_identity_enabled         = true
  azure_policy_enabled              = true
  image_cleaner_enabled             = true
  image_cleaner_interval_hours      = 168
  tags                              = module.sizing.tags

  default_node_pool {
    name                        = "platform"
    vm_size                     = module.sizing.platform.machine
    auto_scaling_enabled        = true
    min_count                   = module.sizing.platform.min
    max_count                   = module.sizing.platform.max
    zones                       = ["1", "2", "3"]
    vnet_subnet_id              = azurerm_subnet.nodes.id
    os_disk_size_gb             = 64
    max_pods                    = 110
    host_encryption_enabled     = true
    node_public_ip_enabled      = false
    temporary_name_for_rotation = "rotation"
    tags                        = module.sizing.tags
    upgrade_settings {
      max_surge = "33%"
    }
  }

  dynamic "api_server_access_profile" {
    for_each = length(var.api_access) > 0 ? [var.api_access] : []
    content {
      authorized_ip_ranges = api_server_access_profile.value
    }
  }

  azure_active_directory_role_based_access_control {
    azure_rbac_enabled     = false
    admin_group_object_ids = var.administrators
  }

  identity {
    type         = "UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.cluster.id]
  }

  # What machines pull images as.
  kubelet_identity {
    user_assigned_identity_id = azurerm_user_assigned_identity.machines.id
    client_id                 = azurerm_user_assigned_identity.machines.client_id
    object_id                 = azurerm_user_assigned_identity.machines.principal_id
  }

  network_profile {
    network_plugin      = "azure"
    network_plugin_mode = "overlay"
    # Cilium enforces NetworkPolicies.
    network_data_plane = "cilium"
    network_policy     = "cilium"
    pod_cidr           = module.sizing.network.pods
    service_cidr       = module.sizing.network.services
    dns_service_ip     = cidrhost(module.sizing.network.services, 10)
    load_balancer_sku  = "standard"
    outbound_type      = "userAssignedNATGateway"
  }

  # Pools are made by hand, each with its floor; KEDA comes by Helm.
  node_provisioning_profile {
    mode = "Manual"
  }

  auto_scaler_profile {
    balance_similar_node_groups = true
    expander                    = "least-waste"
    scale_down_unneeded         = "5m"
    skip_nodes_with_system_pods = false
  }

  key_vault_secrets_provider {
    secret_rotation_enabled = true
  }

  storage_profile {
    blob_driver_enabled         = false
    file_driver_enabled         = false
    disk_driver_enabled         = true
    snapshot_controller_enabled = true
  }

  maintenance_window_auto_upgrade {
    frequency   = "Weekly"
    interval    = 1
    duration    = 4
    day_of_week = "Sunday"
    start_time  = "02:00"
    utc_offset  = "+00:00"
  }

  lifecycle {
    # The patch channel moves it on.
    ignore_changes = [kubernetes_version]
  }

  depends_on = [
    azurerm_role_assignment.cluster,
    azurerm_subnet_nat_gateway_association.nodes,
  ]
}

resource "azurerm_kubernetes_cluster_node_pool" "functions" {
  name                    = "functions"
  kubernetes_cluster_id   = azurerm_kubernetes_cluster.cluster.id
  vm_size                 = module.sizing.functions.machine
  mode                    = "User"
  priority                = "Spot"
  eviction_policy         = "Delete"
  spot_max_price          = -1
  auto_scaling_enabled    = true
  min_count               = module.sizing.functions.min
  max_count               = module.sizing.functions.max
  zones                   = ["1", "2", "3"]
  vnet_subnet_id          = azurerm_subnet.nodes.id
  os_disk_size_gb         = 64
  max_pods                = 110
  host_encryption_enabled = true
  node_public_ip_enabled  = false
  tags                    = module.sizing.tags
  # Azure puts this taint on every spot machine, and would see a change if it were not said.
  node_labels = {
    "taskflow.dev/pool"                     = "functions"
    "kubernetes.azure.com/scalesetpriority" = "spot"
  }
  node_taints = ["kubernetes.azure.com/scalesetpriority=spot:NoSchedule"]
}

resource "azurerm_container_registry" "images" {
  #checkov:skip=CKV_AZURE_139:GitHub's runners push here; only Entra's tokens are let in
  #checkov:skip=CKV_AZURE_164:images are signed with cosign, and the signature is checked before they are deployed
  #checkov:skip=CKV_AZURE_165:the cluster stands in one region, its images too
  #checkov:skip=CKV_AZURE_166:images are scanned before they are pushed
  # One name for all of Azure: the subscription's mark keeps it apart from others'.
  name                          = "${replace(module.sizing.stem, "-", "")}${substr(sha256(var.subscription_id), 0, 8)}"
  resource_group_name           = azurerm_resource_group.all.name
  location                      = azurerm_resource_group.all.location
  sku                           = "Premium"
  admin_enabled                 = false
  anonymous_pull_enabled        = false
  zone_redundancy_enabled       = true
  retention_policy_in_days      = 30
  quarantine_policy_enabled     = false
  data_endpoint_enabled         = true
  public_network_access_enabled = true
  tags                          = module.sizing.tags
}

resource "azurerm_log_analytics_workspace" "audit" {
  name                = module.sizing.stem
  location            = azurerm_resource_group.all.location
  resource_group_name = azurerm_resource_group.all.name
  sku                 = "PerGB2018"
  retention_in_days   = 90
  daily_quota_gb      = 1
  tags                = module.sizing.tags
}

# Who asked the API for what, without reads.
resource "azurerm_monitor_diagnostic_setting" "audit" {
  name                       = "audit"
  target_resource_id         = azurerm_kubernetes_cluster.cluster.id
  log_analytics_workspace_id = azurerm_log_analytics_workspace.audit.id
  enabled_log {
    category = "kube-audit-admin"
  }
  enabled_log {
    category = "guard"
  }
}

resource "azurerm_consumption_budget_resource_group" "budget" {
  for_each          = { all = azurerm_resource_group.all.id, nodes = azurerm_kubernetes_cluster.cluster.node_resource_group_id }
  name              = "${module.sizing.stem}-${each.key}"
  resource_group_id = each.value
  amount            = var.budget.monthly
  time_grain        = "Monthly"
  time_period {
    # Azure wants the month that it is made in.
    start_date = "${formatdate("YYYY-MM", plantimestamp())}-01T00:00:00Z"
  }
  dynamic "notification" {
    for_each = { actual = 80, forecasted = 100 }
    content {
      operator       = "GreaterThan"
      threshold      = notification.value
      threshold_type = title(notification.key)
      contact_emails = var.budget.emails
    }
  }
  lifecycle {
    ignore_changes = [time_period]
  }
}
