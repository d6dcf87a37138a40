# The whole root, planned against the provider's schema with nothing made: `terraform test` here.

mock_provider "oci" {
  mock_data "oci_identity_availability_domains" {
    defaults = {
      availability_domains = [{ compartment_id = "", id = "1", name = "one" }, { compartment_id = "", id = "2", name = "two" }, { compartment_id = "", id = "3", name = "three" }]
    }
  }
  mock_data "oci_core_services" {
    defaults = {
      services = [{ cidr_block = "all-fra-services-in-oracle-services-network", description = "", id = "services", name = "All FRA Services In Oracle Services Network" }]
    }
  }
  mock_data "oci_containerengine_node_pool_option" {
    defaults = {
      sources = [
        { image_id = "arm", source_name = "Oracle-Linux-8.10-aarch64-2026.01.31-0-OKE-1.34.1-1", source_type = "IMAGE" },
        { image_id = "old", source_name = "Oracle-Linux-8.10-2026.01.31-0-OKE-1.33.1-1", source_type = "IMAGE" },
        { image_id = "right", source_name = "Oracle-Linux-8.10-2026.01.31-0-OKE-1.34.1-1", source_type = "IMAGE" },
      ]
    }
  }
}

variables {
  environment = "production"
  region      = "eu-frankfurt-1"
  owner       = "platform"
  network     = { nodes = "10.40.0.0/20", pods = "10.64.0.0/14", services = "10.41.0.0/20", control_plane = "10.42.0.0/28", load_balancer = "10.43.0.0/24" }
  platform    = { machine = "VM.Standard.E5.Flex 2/16", min = 3, max = 6 }
  functions   = { machine = "VM.Standard.E5.Flex 2/16", max = 6 }
  budget      = { monthly = 2000, emails = ["platform@example.com"] }
  repository  = "example/taskflow"
  domain      = "tasks.example.com"
  tenancy     = "ocid1.tenancy.oc1..example"
  compartment = "ocid1.compartment.oc1..example"
}

run "plans_a_private_cluster" {
  command = plan
  assert {
    condition     = !oci_containerengine_cluster.cluster.endpoint_config[0].is_public_ip_enabled && oci_core_subnet.all["nodes"].prohibit_public_ip_on_vnic
    error_message = "machines are private, and nobody outside reaches the API"
  }
  assert {
    condition     = oci_containerengine_node_pool.pools["functions"].node_config_details[0].size == 0 && length(local.domains) == 3
    error_message = "functions sleep without a machine, in all three domains"
  }
  assert {
    condition     = [for rule in oci_core_network_security_group_security_rule.outside : rule.source if rule.source == "0.0.0.0/0"] == ["0.0.0.0/0"]
    error_message = "the world reaches the load balancer and nothing else"
  }
}

run "opens_the_api_to_the_named_alone" {
  command = plan
  variables {
    api_access = ["203.0.113.0/24"]
  }
  assert {
    condition     = oci_containerengine_cluster.cluster.endpoint_config[0].is_public_ip_enabled && oci_core_network_security_group_security_rule.outside["api_203.0.113.0/24"].source == "203.0.113.0/24"
    error_message = "the API is public to one range"
  }
}

run "stands_in_one_domain_where_there_is_one" {
  command = plan
  variables {
    region = "eu-zurich-1"
  }
  assert {
    condition     = length(local.domains) == 1
    error_message = "Zurich has one domain"
  }
}

run "refuses_the_tenancy_as_compartment" {
  command = plan
  variables {
    compartment = "ocid1.tenancy.oc1..example"
  }
  expect_failures = [var.compartment]
}

run "refuses_half_a_version" {
  command = plan
  variables {
    kubernetes_version = "1.34"
  }
  expect_failures = [var.kubernetes_version]
}
