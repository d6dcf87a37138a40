# The whole root, planned against the provider's schema with nothing made: `terraform test` here.

mock_provider "google" {}

variables {
  environment     = "production"
  region          = "europe-west4"
  owner           = "platform"
  network         = { nodes = "10.40.0.0/20", pods = "10.64.0.0/14", services = "10.41.0.0/20", control_plane = "10.42.0.0/28" }
  platform        = { machine = "e2-standard-4", min = 3, max = 6 }
  functions       = { machine = "n2d-standard-4", max = 6 }
  budget          = { monthly = 2000, emails = ["platform@example.com"] }
  repository      = "example/taskflow"
  domain          = "tasks.example.com"
  project         = "example-taskflow"
  billing_account = "012345-6789AB-CDEF01"
}

run "plans_a_private_cluster" {
  command = plan
  assert {
    condition     = google_container_cluster.cluster.private_cluster_config[0].enable_private_nodes && google_container_cluster.cluster.private_cluster_config[0].enable_private_endpoint
    error_message = "machines are private, and nobody outside reaches the API"
  }
  assert {
    condition     = google_container_node_pool.pools["functions"].autoscaling[0].total_min_node_count == 0 && google_container_node_pool.pools["functions"].node_config[0].spot
    error_message = "functions sleep without a machine, and wake on a spot one"
  }
  assert {
    condition     = google_container_cluster.cluster.datapath_provider == "ADVANCED_DATAPATH" && google_container_cluster.cluster.database_encryption[0].state == "ENCRYPTED"
    error_message = "NetworkPolicies are enforced, secrets are encrypted"
  }
  assert {
    condition     = alltrue([for account in [google_service_account.nodes, google_service_account.deploy, google_service_account.certificates] : length(account.account_id) <= 30])
    error_message = "an account's name is too long"
  }
  assert {
    condition     = google_iam_workload_identity_pool_provider.github.attribute_condition == "assertion.sub == 'repo:example/taskflow:environment:production'"
    error_message = "only the workflows of one environment deploy"
  }
}

run "opens_the_api_to_the_named_alone" {
  command = plan
  variables {
    api_access = ["203.0.113.0/24"]
  }
  assert {
    condition     = [for block in google_container_cluster.cluster.master_authorized_networks_config[0].cidr_blocks : block.cidr_block] == ["203.0.113.0/24"] && !google_container_cluster.cluster.private_cluster_config[0].enable_private_endpoint
    error_message = "the API is public to one range"
  }
}

run "refuses_a_project_by_its_number" {
  command = plan
  variables {
    project = "1234567"
  }
  expect_failures = [var.project]
}

run "refuses_what_is_no_billing_account" {
  command = plan
  variables {
    billing_account = "mine"
  }
  expect_failures = [var.billing_account]
}
