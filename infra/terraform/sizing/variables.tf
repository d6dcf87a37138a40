# What a person decides about a cluster, and what is refused before anything is made.

variable "cloud" {
  type        = string
  description = "aks, gke or oke."
  validation {
    condition     = contains(["aks", "gke", "oke"], var.cloud)
    error_message = "cloud is ${var.cloud}; TaskFlow knows aks, gke and oke."
  }
}

variable "name" {
  type        = string
  description = "What everything is called, together with the environment."
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]*[a-z0-9]$", var.name)) && !strcontains(var.name, "--")
    error_message = "name is ${var.name}; it must begin with a letter and hold small letters, digits and single hyphens, for all clouds build names and addresses from it. Choose one like taskflow."
  }
  validation {
    condition     = length("${var.name}-${var.environment}") <= local.longest_stem[var.cloud]
    error_message = "${var.name}-${var.environment} has ${length("${var.name}-${var.environment}")} letters; ${local.longest_stem_reason[var.cloud]} leaves ${local.longest_stem[var.cloud]}. Shorten name to ${local.longest_stem[var.cloud] - length(var.environment) - 1} letters or fewer."
  }
}

variable "environment" {
  type        = string
  description = "preview, staging or production: in every name and on every bill."
  validation {
    condition     = contains(["preview", "staging", "production"], var.environment)
    error_message = "environment is ${var.environment}; it is preview, staging or production."
  }
}

variable "region" {
  type        = string
  description = "Where everything stands."
  validation {
    condition     = contains(keys(local.regions[var.cloud]), var.region)
    error_message = "region is ${var.region}, which is not a region of ${var.cloud} with a place for three brokers. Choose one of ${join(", ", sort(keys(local.regions[var.cloud])))}; a newer one is to be added to sizing/regions.tf."
  }
}

variable "owner" {
  type        = string
  description = "The team that is asked about a bill or an alarm; a tag on everything."
  validation {
    condition     = can(regex("^[a-z][a-z0-9_-]{0,62}$", var.owner))
    error_message = "owner is ${var.owner}; Google's labels allow small letters, digits, _ and -, at most 63. Say a team's short name, such as platform."
  }
}

variable "network" {
  type = object({
    nodes         = string
    pods          = string
    services      = string
    control_plane = optional(string)
    load_balancer = optional(string)
  })
  description = "IPv4 ranges in CIDR notation: for machines, pods, Kubernetes services, and, where the cloud wants them, the control plane and load balancers."
  validation {
    condition     = var.cloud != "gke" || (var.network.control_plane != null && endswith(coalesce(var.network.control_plane, "-"), "/28"))
    error_message = "network: control_plane must be a /28 on gke, where Google puts the API server. Say control_plane = \"10.42.0.0/28\"."
  }
  validation {
    condition     = var.cloud != "oke" || (var.network.control_plane != null && var.network.load_balancer != null)
    error_message = "network: oke wants control_plane (a /28 is enough) and load_balancer (a /24) as subnets of their own. Say control_plane = \"10.42.0.0/28\" and load_balancer = \"10.43.0.0/24\"."
  }
}

variable "api_access" {
  type        = set(string)
  description = "Public ranges from which the Kubernetes API is reached. Empty: from inside the network alone."
  validation {
    condition     = alltrue([for range in var.api_access : can(cidrhost(range, 0))])
    error_message = "api_access holds ${join(", ", [for range in var.api_access : range if !can(cidrhost(range, 0))])}, which is no range. Write one address as 203.0.113.7/32."
  }
  validation {
    condition     = alltrue([for range in var.api_access : try(tonumber(split("/", range)[1]) >= 16, true)])
    error_message = "api_access holds ${join(", ", [for range in var.api_access : range if try(tonumber(split("/", range)[1]) < 16, false)])}: that is the internet. Name the office's, the VPN's or the runner's range (/16 or narrower), or leave it empty."
  }
}

variable "platform" {
  type        = object({ machine = string, min = number, max = number })
  description = "The pool that always runs: Kafka, PostgreSQL, operators, the gateway."
  validation {
    condition     = contains(keys(local.machines[var.cloud]), var.platform.machine)
    error_message = "platform.machine is ${var.platform.machine}; known for ${var.cloud}: ${join(", ", keys(local.machines[var.cloud]))}. Another one is to be added to sizing/machines.tf, with its size and price."
  }
  validation {
    condition     = floor(var.platform.min) == var.platform.min && floor(var.platform.max) == var.platform.max && var.platform.min >= 1 && var.platform.max >= var.platform.min && var.platform.max <= 100
    error_message = "platform has min = ${var.platform.min}, max = ${var.platform.max}; whole numbers with 1 <= min <= max <= 100 are wanted."
  }
  validation {
    condition     = var.environment != "production" || var.platform.min >= 3
    error_message = "platform.min is ${var.platform.min}: in production three brokers and three databases stand on three machines, so that the loss of one loses nothing. Set it to 3, or call the environment staging."
  }
}

variable "functions" {
  type        = object({ machine = string, max = number })
  description = "The spot pool of the functions: none while they sleep."
  validation {
    condition     = contains(keys(local.machines[var.cloud]), var.functions.machine)
    error_message = "functions.machine is ${var.functions.machine}; known for ${var.cloud}: ${join(", ", keys(local.machines[var.cloud]))}. Another one is to be added to sizing/machines.tf, with its size and price."
  }
  validation {
    condition     = floor(var.functions.max) == var.functions.max && var.functions.max <= 100
    error_message = "functions.max is ${var.functions.max}; a whole number up to 100 is wanted: no load of TaskFlow's own asks for more, and a mistake would be dear."
  }
}

variable "budget" {
  type        = object({ monthly = number, emails = list(string) })
  description = "What a month may cost, in the bill's currency (prices here are US dollars), and who hears of it."
  validation {
    condition     = length(var.budget.emails) > 0 && alltrue([for email in var.budget.emails : can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", email))])
    error_message = "budget.emails holds ${length(var.budget.emails) == 0 ? "nobody" : join(", ", var.budget.emails)}: a budget that nobody hears of is none. Name at least one mail address."
  }
}

variable "repository" {
  type        = string
  description = "The GitHub repository, owner/name, whose workflows may push images and deploy."
  validation {
    condition     = can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.repository))
    error_message = "repository is ${var.repository}; write owner/name, as in its address."
  }
}

variable "domain" {
  type        = string
  description = "Where people find TaskFlow, such as tasks.example.com."
  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]{2,63}$", var.domain)) && length(var.domain) <= 64
    error_message = "domain is ${var.domain} (${length(var.domain)} letters); a name like tasks.example.com of at most 64 letters is wanted: a certificate's common name holds no more."
  }
}
