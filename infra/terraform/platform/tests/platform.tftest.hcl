# The whole root, planned against the provider's schema with nothing installed: `terraform test` here.

mock_provider "helm" {}

variables {
  context     = "taskflow-production"
  environment = "production"
  mail        = "platform@example.com"
  platform = {
    cloud   = "aks"
    domain  = "tasks.example.com"
    ingress = { ip = "203.0.113.10", annotations = {} }
    certificates = {
      account = { labels = { "azure.workload.identity/use" = "true" }, annotations = {} }
      solver  = { azureDNS = { hostedZoneName = "tasks.example.com" } }
    }
    deployer         = "00000000-0000-0000-0000-000000000003"
    enforce_policies = false
    storage_class    = "managed-csi-premium"
  }
}

run "plans_every_operator_in_a_pinned_version" {
  command = plan
  assert {
    condition     = alltrue([for release in helm_release.operators : can(regex("^v?[0-9]+[.][0-9]+[.][0-9]+$", release.version))])
    error_message = "an operator without a version"
  }
  assert {
    condition     = yamldecode(helm_release.operators["dapr"].values[0]).dapr_sidecar_injector.webhookFailurePolicy == "Fail"
    error_message = "a pod without its sidecar never consumes"
  }
  assert {
    condition     = yamldecode(helm_release.operators["strimzi"].values[0]).watchNamespaces == ["taskflow"]
    error_message = "Strimzi looks where TaskFlow is"
  }
  assert {
    condition     = length([for object in yamldecode(helm_release.objects.values[0]).objects : object if object.kind == "Certificate"]) == 1
    error_message = "the domain has its certificate"
  }
  assert {
    condition     = length(terraform_data.taskflow) == 0
    error_message = "without an image, workflows deploy"
  }
}

run "brings_what_oracle_lacks" {
  command = plan
  variables {
    platform = {
      cloud            = "oke"
      domain           = "tasks.example.com"
      ingress          = { ip = "203.0.113.10", annotations = {} }
      certificates     = null
      deployer         = "ocid1.dynamicgroup.oc1..example"
      enforce_policies = true
      storage_class    = "oci-bv"
    }
  }
  assert {
    condition     = [for object in yamldecode(helm_release.objects.values[0]).objects : object.kind if contains(["Certificate", "DaemonSet"], object.kind)] == ["DaemonSet"]
    error_message = "somebody enforces NetworkPolicies; the certificate is brought"
  }
}

run "refuses_an_image_by_its_tag" {
  command = plan
  variables {
    image = "registry.example.com/taskflow:latest"
  }
  expect_failures = [var.image]
}

run "refuses_an_unknown_cloud" {
  command = plan
  variables {
    platform = {
      cloud            = "eks"
      domain           = "tasks.example.com"
      ingress          = { ip = "203.0.113.10", annotations = {} }
      deployer         = "somebody"
      enforce_policies = false
      storage_class    = "gp3"
    }
  }
  expect_failures = [var.platform]
}

run "starts_taskflow_where_an_image_is_named" {
  command = plan
  variables {
    image = "registry.example.com/taskflow@sha256:0000000000000000000000000000000000000000000000000000000000000000"
  }
  assert {
    condition     = length(terraform_data.taskflow) == 1
    error_message = "the image is deployed"
  }
}
