# What a person decides; sizing/ says what is refused.

variable "name" {
  type        = string
  description = "What everything is called, together with the environment."
  default     = "taskflow"
}

variable "environment" {
  type        = string
  description = "preview, staging or production."
}

variable "region" {
  type        = string
  description = "Where everything stands."
}

variable "owner" {
  type        = string
  description = "The team that is asked about a bill or an alarm."
}

variable "network" {
  type = object({
    nodes         = string
    pods          = string
    services      = string
    control_plane = optional(string)
    load_balancer = optional(string)
  })
  description = "IPv4 ranges, none overlapping; which ones a cloud wants, sizing/ says."
}

variable "api_access" {
  type        = set(string)
  description = "Public ranges from which the Kubernetes API is reached; none makes it private."
  default     = []
}

variable "platform" {
  type        = object({ machine = string, min = number, max = number })
  description = "The pool that always runs."
}

variable "functions" {
  type        = object({ machine = string, max = number })
  description = "The spot pool of the functions; its floor is none."
}

variable "budget" {
  type        = object({ monthly = number, emails = list(string) })
  description = "What a month may cost, and who hears of it."
}

variable "repository" {
  type        = string
  description = "The GitHub repository, owner/name, whose workflows push images and deploy."
}

variable "domain" {
  type        = string
  description = "Where people find TaskFlow."
}

variable "kubernetes_version" {
  type        = string
  description = "Knative wants 1.34 at least; KEDA is tested up to 1.35."
  default     = "1.35"
  validation {
    condition     = contains(["1.34", "1.35"], var.kubernetes_version)
    error_message = "kubernetes_version is ${var.kubernetes_version}; Knative 1.23 wants 1.34 at least, KEDA 2.20 is tested up to 1.35. Choose one of the two."
  }
}

variable "subscription_id" {
  type        = string
  description = "The Azure subscription that pays."
}

variable "administrators" {
  type        = list(string)
  description = "Object ids of Entra groups whose members administer the cluster."
  validation {
    condition     = length(var.administrators) > 0 && alltrue([for id in var.administrators : can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", id))])
    error_message = "administrators holds ${length(var.administrators) == 0 ? "nobody" : join(", ", var.administrators)}: local accounts are off, so at least one Entra group must be named, by its object id (az ad group show --group NAME --query id)."
  }
}
