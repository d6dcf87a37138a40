# What several values decide together stands as a precondition here: a variable may not look at what is
# worked out from it.

output "network" {
  description = "The ranges, each apart from the others and wide enough."
  value       = var.network
  precondition {
    condition     = alltrue([for name, range in local.ranges : can(cidrhost(range, 0))])
    error_message = "network: ${join(", ", [for name, range in local.ranges : "${name} = ${range}" if !can(cidrhost(range, 0))])} is no range. Write it like 10.40.0.0/20."
  }
  precondition {
    condition     = alltrue([for name, range in local.ranges : try(cidrhost(range, 0) == split("/", range)[0], true)])
    error_message = "network: ${join(", ", [for name, range in local.ranges : "${name} = ${range} begins at ${cidrhost(range, 0)}" if try(cidrhost(range, 0) != split("/", range)[0], false)])}. Clouds refuse a range that does not begin at its own first address; write that one."
  }
  precondition {
    condition     = length(local.overlaps) == 0
    error_message = "network: ${join("; ", local.overlaps)}. An address in two ranges is reached in neither; give each its own, such as nodes 10.40.0.0/20, pods 10.64.0.0/14, services 10.41.0.0/20."
  }
  precondition {
    condition     = alltrue([for name, range in local.ranges : try(local.bounds[name].private, true)])
    error_message = "network: ${join(", ", [for name, range in local.ranges : "${name} = ${range}" if !try(local.bounds[name].private, true)])} is not private. Take ranges out of 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or 100.64.0.0/10: others belong to somebody."
  }
  precondition {
    condition     = try(local.addresses.nodes >= local.nodes_max + 16, true)
    error_message = "network: nodes = ${var.network.nodes} has ${try(local.addresses.nodes, 0)} addresses; up to ${local.nodes_max} machines (an upgrade doubles some) want ${local.nodes_max + 16}. Take a wider range or smaller pools."
  }
  precondition {
    condition     = try(local.addresses.pods >= local.nodes_max * local.pods_per_node[var.cloud], true)
    error_message = "network: pods = ${var.network.pods} has ${try(local.addresses.pods, 0)} addresses; ${local.nodes_max} machines take ${local.pods_per_node[var.cloud]} each, ${local.nodes_max * local.pods_per_node[var.cloud]} in all. Take a /${32 - ceil(log(local.nodes_max * local.pods_per_node[var.cloud], 2))} or wider."
  }
}

output "stem" {
  description = "What every name begins with."
  value       = local.stem
}

output "tags" {
  description = "Tags (labels, freeform tags) of everything."
  value       = local.tags
}

output "availability_domains" {
  description = "In how many places of its own power and network machines stand apart."
  value       = local.regions[var.cloud][var.region]
}

output "platform" {
  description = "The pool that always runs."
  value       = merge(var.platform, { size = local.machines[var.cloud][var.platform.machine] })
  precondition {
    condition     = try(var.platform.min >= local.platform_nodes_needed, true)
    error_message = "platform.min is ${var.platform.min}: ${var.platform.min} x ${var.platform.machine} offer ${try(format("%.1f", var.platform.min * local.offered[var.platform.machine].cpu), "?")} CPUs and ${try(format("%.1f", var.platform.min * local.offered[var.platform.machine].memory / 1024), "?")} GiB to pods; what always runs asks for ${format("%.1f", local.always.cpu)} and ${format("%.1f", local.always.memory / 1024)}. Set it to ${try(local.platform_nodes_needed, "more")}, or take a larger machine."
  }
}

output "functions" {
  description = "The spot pool of the functions; its floor is none."
  value       = merge(var.functions, { min = 0, size = local.machines[var.cloud][var.functions.machine] })
  precondition {
    condition     = try(var.functions.max >= local.functions_nodes_needed, true)
    error_message = "functions.max is ${var.functions.max}: with every function at its maxReplicaCount they ask for ${format("%.1f", local.awake.cpu)} CPUs and ${format("%.1f", local.awake.memory / 1024)} GiB, which takes ${try(local.functions_nodes_needed, "more")} x ${var.functions.machine}. Set it to that, or lower maxReplicaCount in keda/."
  }
}

output "needed" {
  description = "What pods ask for, in CPUs and MiB: always, and besides with every function at its most."
  value       = { always = local.always, awake = local.awake }
}

output "cost" {
  description = "US dollars a month at list prices (machines.tf): idle, and with every pool at its most."
  value       = local.cost
  precondition {
    condition     = try(var.budget.monthly >= local.cost.idle, true)
    error_message = "budget.monthly is ${var.budget.monthly}; this cluster costs about ${try(local.cost.idle, "?")} a month while nobody uses it. Raise the budget, or take fewer or smaller machines."
  }
}
