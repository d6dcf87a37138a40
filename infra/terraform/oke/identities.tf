# Who may do what, each no more than its work; all of them are known by what they are (a pod of this
# cluster, a machine of this compartment), none by a key that somebody keeps.

locals {
  here    = "in compartment id ${var.compartment}"
  pod     = "request.principal.type = 'workload', request.principal.cluster_id = '${oci_containerengine_cluster.cluster.id}'"
  the_key = "where target.key.id = '${oci_kms_key.all.id}'"
}

# A runner for workflows: a machine of this compartment that carries the tag role = runner.
resource "oci_identity_dynamic_group" "runners" {
  compartment_id = var.tenancy
  name           = "${module.sizing.stem}-runners"
  description    = "Runners that deploy ${module.sizing.stem}"
  matching_rule  = "ALL {instance.compartment.id = '${var.compartment}', instance.freeformTags.role.value = 'runner'}"
  freeform_tags  = module.sizing.tags
}

resource "oci_identity_dynamic_group" "machines" {
  compartment_id = var.tenancy
  name           = "${module.sizing.stem}-machines"
  description    = "Machines of ${module.sizing.stem}"
  matching_rule  = "ALL {instance.compartment.id = '${var.compartment}'}"
  freeform_tags  = module.sizing.tags
}

# Oracle's own services, which encrypt with our key.
resource "oci_identity_policy" "services" {
  compartment_id = var.compartment
  name           = "${module.sizing.stem}-services"
  description    = "Disks and clusters encrypt with the key of ${module.sizing.stem}"
  freeform_tags  = module.sizing.tags
  statements = [
    "allow service blockstorage, oke to use keys ${local.here} ${local.the_key}",
    "allow any-user to use keys ${local.here} where ALL {request.principal.type = 'cluster', target.key.id = '${oci_kms_key.all.id}'}",
    "allow any-user to use key-delegates ${local.here} where ALL {request.principal.type = 'nodepool', target.key.id = '${oci_kms_key.all.id}'}",
  ]
}

resource "oci_identity_policy" "cluster" {
  compartment_id = var.compartment
  name           = "${module.sizing.stem}-cluster"
  description    = "What pods, machines and runners of ${module.sizing.stem} may do"
  freeform_tags  = module.sizing.tags
  statements = concat(
    [
      for what in ["manage cluster-node-pools", "manage instance-family", "use subnets", "read virtual-network-family", "use vnics", "inspect compartments"] :
      "allow any-user to ${what} ${local.here} where ALL {${local.pod}, request.principal.namespace = 'kube-system', request.principal.service_account = 'cluster-autoscaler'}"
    ],
    ["allow dynamic-group ${oci_identity_dynamic_group.machines.name} to read repos ${local.here} where target.repo.name = '${oci_artifacts_container_repository.images.display_name}'"],
    [
      "allow dynamic-group ${oci_identity_dynamic_group.runners.name} to manage repos ${local.here} where target.repo.name = '${oci_artifacts_container_repository.images.display_name}'",
      # May ask where the cluster is; what it may do inside, platform/ says.
      "allow dynamic-group ${oci_identity_dynamic_group.runners.name} to use clusters ${local.here} where target.cluster.id = '${oci_containerengine_cluster.cluster.id}'",
    ],
  )
}
