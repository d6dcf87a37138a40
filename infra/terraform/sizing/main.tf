# Sizes, ranges and names: everything about a cluster that can be decided, refused or priced before a
# cloud is asked. What pods ask for is read from the manifests themselves.

locals {
  stem = "${var.name}-${var.environment}"
  # What is built from the stem, and how long the longest of it may be.
  longest_stem = { aks = 21, gke = 23, oke = 32 }
  longest_stem_reason = {
    aks = "the key vault (24 letters, of which -kv takes three)"
    gke = "the service accounts (30 letters, of which -deploy takes seven)"
    oke = "the DNS label of the network and its own names"
  }
  tags = {
    application = "taskflow"
    environment = var.environment
    owner       = var.owner
    managed-by  = "terraform"
  }
}

# Ranges as numbers: first address and last.
locals {
  ranges = { for name, range in var.network : name => range if range != null }
  octets = { for name, range in local.ranges : name => [for part in split(".", cidrhost(range, 0)) : tonumber(part)] if can(cidrhost(range, 0)) }
  bounds = {
    for name, octets in local.octets : name => {
      first   = octets[0] * 16777216 + octets[1] * 65536 + octets[2] * 256 + octets[3]
      last    = octets[0] * 16777216 + octets[1] * 65536 + octets[2] * 256 + octets[3] + local.addresses[name] - 1
      private = anytrue([for net in ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"] : cidrhost("${join(".", octets)}/${split("/", net)[1]}", 0) == split("/", net)[0] && tonumber(split("/", local.ranges[name])[1]) >= tonumber(split("/", net)[1])])
    }
  }
  addresses = { for name, range in local.ranges : name => pow(2, 32 - tonumber(split("/", range)[1])) if can(cidrhost(range, 0)) }
  sorted    = sort(keys(local.bounds))
  overlaps = [
    for pair in setproduct(local.sorted, local.sorted) : "${pair[0]} (${local.ranges[pair[0]]}) and ${pair[1]} (${local.ranges[pair[1]]}) overlap"
    if index(local.sorted, pair[0]) < index(local.sorted, pair[1])
    && local.bounds[pair[0]].first <= local.bounds[pair[1]].last
    && local.bounds[pair[1]].first <= local.bounds[pair[0]].last
  ]
  # Azure and Google give each machine a block of its own; Oracle's overlay too.
  pods_per_node = { aks = 256, gke = 128, oke = 128 }
  nodes_max     = var.platform.max + var.functions.max
}

# What a machine has left for pods after its system's share (the same steps on all three clouds, to
# within a tenth) and what runs on each node: agents, network, disks, metrics, logs.
locals {
  each_node = { cpu = 0.4, memory = 600 }
  offered = {
    for name, machine in local.machines[var.cloud] : name => {
      cpu    = machine.cpu - 0.06 - 0.01 * min(max(machine.cpu - 1, 0), 1) - 0.005 * min(max(machine.cpu - 2, 0), 2) - 0.0025 * max(machine.cpu - 4, 0) - local.each_node.cpu
      memory = machine.memory - 100 - 0.25 * min(machine.memory, 4096) - 0.2 * min(max(machine.memory - 4096, 0), 4096) - 0.1 * min(max(machine.memory - 8192, 0), 8192) - 0.06 * max(machine.memory - 16384, 0) - local.each_node.memory
    }
  }
}

# What pods ask for, from the manifests.
locals {
  project = "${path.module}/../../.."
  kafka   = yamldecode(file("${local.project}/infra/kubernetes/base/kafka/nodes.yaml")).spec
  # Comments may stand before a document, never between two.
  database  = yamldecode(file("${local.project}/infra/kubernetes/base/database/cluster.yaml")).spec
  manifests = flatten([for name in fileset("${local.project}/keda", "*.yaml") : [for text in split("\n---\n", file("${local.project}/keda/${name}")) : yamldecode(text)]])
  sleepers  = { for one in local.manifests : one.metadata.name => one.spec.template.spec.containers[0].resources.requests if one.kind == "Deployment" }
  most      = { for one in local.manifests : one.metadata.name => one.spec.maxReplicaCount if one.kind == "ScaledObject" }
  sidecar   = { cpu = 0.1, memory = 250 }
  asked = concat(
    [
      { pods = local.kafka.replicas, cpu = local.kafka.resources.requests.cpu, memory = local.kafka.resources.requests.memory },
      { pods = local.database.instances, cpu = local.database.resources.requests.cpu, memory = local.database.resources.requests.memory },
    ],
    [for name, asks in local.operators : { pods = asks.pods, cpu = asks.cpu, memory = asks.memory }],
  )
  always = {
    cpu    = sum([for one in local.asked : one.pods * (endswith(one.cpu, "m") ? tonumber(trimsuffix(one.cpu, "m")) / 1000 : tonumber(one.cpu))])
    memory = sum([for one in local.asked : one.pods * (endswith(one.memory, "Gi") ? 1024 * tonumber(trimsuffix(one.memory, "Gi")) : tonumber(trimsuffix(one.memory, "Mi")))])
  }
  awake = {
    cpu    = sum([for name, asks in local.sleepers : local.most[name] * (tonumber(trimsuffix(asks.cpu, "m")) / 1000 + local.sidecar.cpu)])
    memory = sum([for name, asks in local.sleepers : local.most[name] * (tonumber(trimsuffix(asks.memory, "Mi")) + local.sidecar.memory)])
  }
  disks = local.kafka.replicas * tonumber(trimsuffix(local.kafka.storage.volumes[0].size, "Gi")) + local.database.instances * (tonumber(trimsuffix(local.database.storage.size, "Gi")) + tonumber(trimsuffix(local.database.walStorage.size, "Gi"))) + local.copies * local.metrics_disk

  platform_nodes_needed  = max(ceil(local.always.cpu / local.offered[var.platform.machine].cpu), ceil(local.always.memory / local.offered[var.platform.machine].memory))
  functions_nodes_needed = max(ceil(local.awake.cpu / local.offered[var.functions.machine].cpu), ceil(local.awake.memory / local.offered[var.functions.machine].memory))
}

# A month at list prices: while nobody uses it, and with every pool at its most.
locals {
  hours     = 730
  price     = local.prices[var.cloud]
  fixed     = local.hours * ((var.environment == "production" || var.cloud != "aks" ? local.price.control_plane : 0) + local.price.nat + local.price.load_balancer) + local.price.registry + local.disks * local.price.disk_gib
  always_on = local.machines[var.cloud][var.platform.machine].price
  on_demand = local.machines[var.cloud][var.functions.machine].price * local.price.spot
  cost = {
    idle = ceil(local.fixed + local.hours * var.platform.min * local.always_on)
    load = ceil(local.fixed + local.hours * (var.platform.max * local.always_on + var.functions.max * local.on_demand))
  }
}
