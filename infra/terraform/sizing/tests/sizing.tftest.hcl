# The arithmetic, and each refusal: `terraform test` in this folder, no provider needed.

variables {
  cloud       = "aks"
  name        = "taskflow"
  environment = "production"
  region      = "westeurope"
  owner       = "platform"
  network     = { nodes = "10.40.0.0/20", pods = "10.64.0.0/14", services = "10.41.0.0/20" }
  api_access  = []
  platform    = { machine = "Standard_D4as_v5", min = 3, max = 6 }
  functions   = { machine = "Standard_D4as_v5", max = 6 }
  budget      = { monthly = 2000, emails = ["platform@example.com"] }
  repository  = "example/taskflow"
  domain      = "tasks.example.com"
}

run "sizes_a_production_cluster" {
  command = plan
  assert {
    condition     = output.stem == "taskflow-production" && output.availability_domains == 3
    error_message = "the names: ${output.stem}"
  }
  assert {
    # Three brokers and three databases of half a CPU are three of them.
    condition     = output.needed.always.cpu > 3 && output.needed.always.cpu < 3 * 4
    error_message = "what always runs: ${output.needed.always.cpu} CPUs"
  }
  assert {
    # write-task alone: six times a fifth of a CPU.
    condition     = output.needed.awake.cpu > 1.2 && output.needed.awake.memory > 6 * 96
    error_message = "what functions ask for: ${output.needed.awake.cpu} CPUs"
  }
  assert {
    condition     = output.functions.min == 0
    error_message = "functions that sleep want no machine"
  }
  assert {
    condition     = output.cost.load > output.cost.idle && output.cost.idle > 3 * 730 * 0.172
    error_message = "the cost: ${output.cost.idle} and ${output.cost.load}"
  }
}

run "knows_google" {
  command = plan
  variables {
    cloud     = "gke"
    region    = "europe-west4"
    network   = { nodes = "10.40.0.0/20", pods = "10.64.0.0/14", services = "10.41.0.0/20", control_plane = "10.42.0.0/28" }
    platform  = { machine = "e2-standard-4", min = 3, max = 6 }
    functions = { machine = "n2d-standard-4", max = 6 }
  }
}

run "knows_oracle" {
  command = plan
  variables {
    cloud     = "oke"
    region    = "eu-zurich-1"
    network   = { nodes = "10.40.0.0/20", pods = "10.64.0.0/14", services = "10.41.0.0/20", control_plane = "10.42.0.0/28", load_balancer = "10.43.0.0/24" }
    platform  = { machine = "VM.Standard.E5.Flex 2/16", min = 3, max = 6 }
    functions = { machine = "VM.Standard.E5.Flex 2/16", max = 6 }
  }
  assert {
    condition     = output.availability_domains == 1
    error_message = "Zurich has one"
  }
}

run "refuses_an_unknown_cloud" {
  command = plan
  variables {
    cloud = "eks"
  }
  expect_failures = [var.cloud]
}

run "refuses_a_region_of_another_cloud" {
  command = plan
  variables {
    region = "europe-west4"
  }
  expect_failures = [var.region]
}

run "refuses_a_name_too_long" {
  command = plan
  variables {
    name = "taskflow-of-the-whole-company"
  }
  expect_failures = [var.name]
}

run "takes_the_longest_name" {
  command = plan
  variables {
    name = "taskflow-b"
  }
}

run "refuses_the_first_name_too_long" {
  command = plan
  variables {
    name = "taskflow-bc"
  }
  expect_failures = [var.name]
}

run "refuses_a_name_that_no_address_can_hold" {
  command = plan
  variables {
    name = "Task_Flow"
  }
  expect_failures = [var.name]
}

run "refuses_an_unknown_environment" {
  command = plan
  variables {
    environment = "prod"
  }
  expect_failures = [var.environment]
}

run "refuses_an_owner_that_is_no_label" {
  command = plan
  variables {
    owner = "Platform Team"
  }
  expect_failures = [var.owner]
}

run "refuses_what_is_no_range" {
  command = plan
  variables {
    network = { nodes = "10.40.0.0", pods = "10.64.0.0/14", services = "10.41.0.0/20" }
  }
  expect_failures = [output.network]
}

run "refuses_a_range_that_begins_within" {
  command = plan
  variables {
    network = { nodes = "10.40.1.0/20", pods = "10.64.0.0/14", services = "10.41.0.0/20" }
  }
  expect_failures = [output.network]
}

run "refuses_ranges_that_overlap" {
  command = plan
  variables {
    network = { nodes = "10.64.16.0/20", pods = "10.64.0.0/14", services = "10.41.0.0/20" }
  }
  expect_failures = [output.network]
}

run "takes_ranges_that_touch" {
  command = plan
  variables {
    network = { nodes = "10.40.0.0/20", services = "10.40.16.0/20", pods = "10.64.0.0/14" }
  }
}

run "refuses_ranges_that_share_one_address" {
  command = plan
  variables {
    network = { nodes = "10.40.0.0/20", services = "10.40.15.255/32", pods = "10.64.0.0/14" }
  }
  expect_failures = [output.network]
}

run "refuses_ranges_of_the_internet" {
  command = plan
  variables {
    network = { nodes = "10.40.0.0/20", pods = "172.0.0.0/14", services = "10.41.0.0/20" }
  }
  expect_failures = [output.network]
}

run "refuses_too_few_addresses_for_machines" {
  command = plan
  variables {
    network = { nodes = "10.40.0.0/28", pods = "10.64.0.0/14", services = "10.41.0.0/20" }
  }
  expect_failures = [output.network]
}

run "refuses_too_few_addresses_for_pods" {
  command = plan
  variables {
    network = { nodes = "10.40.0.0/20", pods = "10.64.0.0/24", services = "10.41.0.0/20" }
  }
  expect_failures = [output.network]
}

run "google_wants_a_control_plane_of_28" {
  command = plan
  variables {
    cloud     = "gke"
    region    = "europe-west4"
    platform  = { machine = "e2-standard-4", min = 3, max = 6 }
    functions = { machine = "n2d-standard-4", max = 6 }
  }
  expect_failures = [var.network]
}

run "refuses_an_api_open_to_the_world" {
  command = plan
  variables {
    api_access = ["0.0.0.0/0"]
  }
  expect_failures = [var.api_access]
}

run "refuses_an_api_range_that_is_none" {
  command = plan
  variables {
    api_access = ["office"]
  }
  expect_failures = [var.api_access]
}

run "refuses_an_unknown_machine" {
  command = plan
  variables {
    platform = { machine = "e2-standard-4", min = 3, max = 6 }
  }
  expect_failures = [var.platform]
}

run "refuses_two_machines_in_production" {
  command = plan
  variables {
    platform = { machine = "Standard_D8as_v5", min = 2, max = 6 }
  }
  expect_failures = [var.platform]
}

run "takes_two_machines_in_staging" {
  command = plan
  variables {
    environment = "staging"
    platform    = { machine = "Standard_D8as_v5", min = 2, max = 6 }
  }
}

run "refuses_too_few_machines_for_what_always_runs" {
  command = plan
  variables {
    environment = "staging"
    platform    = { machine = "Standard_D2as_v5", min = 2, max = 6 }
  }
  expect_failures = [output.platform]
}

run "refuses_a_floor_above_the_ceiling" {
  command = plan
  variables {
    platform = { machine = "Standard_D4as_v5", min = 7, max = 6 }
  }
  expect_failures = [var.platform]
}

run "refuses_too_few_machines_for_functions_awake" {
  command = plan
  variables {
    functions = { machine = "Standard_D2as_v5", max = 1 }
  }
  expect_failures = [output.functions]
}

run "refuses_a_thousand_machines" {
  command = plan
  variables {
    functions = { machine = "Standard_D4as_v5", max = 1000 }
  }
  expect_failures = [var.functions]
}

run "refuses_a_budget_below_the_idle_cost" {
  command = plan
  variables {
    budget = { monthly = 100, emails = ["platform@example.com"] }
  }
  expect_failures = [output.cost]
}

run "refuses_a_budget_that_nobody_hears_of" {
  command = plan
  variables {
    budget = { monthly = 2000, emails = [] }
  }
  expect_failures = [var.budget]
}

run "refuses_what_is_no_repository" {
  command = plan
  variables {
    repository = "https://github.com/example/taskflow"
  }
  expect_failures = [var.repository]
}

run "refuses_what_is_no_domain" {
  command = plan
  variables {
    domain = "localhost"
  }
  expect_failures = [var.domain]
}
