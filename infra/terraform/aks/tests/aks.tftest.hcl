# The whole root, planned against the provider's schema with nothing made: `terraform test` here.

mock_provider "azurerm" {}

variables {
  environment     = "production"
  region          = "westeurope"
  owner           = "platform"
  network         = { nodes = "10.40.0.0/20", pods = "10.64.0.0/14", services = "10.41.0.0/20" }
  platform        = { machine = "Standard_D4as_v5", min = 3, max = 6 }
  functions       = { machine = "Standard_D4as_v5", max = 6 }
  budget          = { monthly = 2000, emails = ["platform@example.com"] }
  repository      = "example/taskflow"
  domain          = "tasks.example.com"
  subscription_id = "00000000-0000-0000-0000-000000000001"
  administrators  = ["00000000-0000-0000-0000-000000000002"]
}

run "plans_a_private_cluster" {
  command = plan
  assert {
    condition     = azurerm_kubernetes_cluster.cluster.private_cluster_enabled && azurerm_kubernetes_cluster.cluster.local_account_disabled
    error_message = "nobody outside reaches the API, nobody has a local account"
  }
  assert {
    condition     = azurerm_kubernetes_cluster_node_pool.functions.min_count == 0 && azurerm_kubernetes_cluster_node_pool.functions.priority == "Spot"
    error_message = "functions sleep without a machine, and wake on a spot one"
  }
  assert {
    condition     = azurerm_kubernetes_cluster.cluster.default_node_pool[0].node_public_ip_enabled == false && azurerm_kubernetes_cluster.cluster.network_profile[0].network_policy == "cilium"
    error_message = "machines are private, NetworkPolicies are enforced"
  }
  assert {
    condition     = can(regex("^[a-z0-9]{5,50}$", azurerm_container_registry.images.name))
    error_message = "${azurerm_container_registry.images.name} is no name of a registry"
  }
  assert {
    condition     = azurerm_federated_identity_credential.trusted["github"].subject == "repo:example/taskflow:environment:production"
    error_message = "only the workflows of one environment deploy"
  }
}

run "opens_the_api_to_the_named_alone" {
  command = plan
  variables {
    api_access = ["203.0.113.0/24"]
  }
  assert {
    condition     = azurerm_kubernetes_cluster.cluster.api_server_access_profile[0].authorized_ip_ranges == toset(["203.0.113.0/24"]) && !azurerm_kubernetes_cluster.cluster.private_cluster_enabled
    error_message = "the API is public to one range"
  }
}

run "refuses_a_cluster_without_administrators" {
  command = plan
  variables {
    administrators = []
  }
  expect_failures = [var.administrators]
}

run "refuses_an_old_kubernetes" {
  command = plan
  variables {
    kubernetes_version = "1.31"
  }
  expect_failures = [var.kubernetes_version]
}
