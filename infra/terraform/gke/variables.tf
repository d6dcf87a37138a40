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

variable "project" {
  type        = string
  description = "The Google project that everything belongs to."
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project is ${var.project}; a project's id (6 to 30 small letters, digits and hyphens) is wanted, not its name or number: gcloud projects list."
  }
}

variable "billing_account" {
  type        = string
  description = "The billing account that the budget watches."
  validation {
    condition     = can(regex("^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", var.billing_account))
    error_message = "billing_account is ${var.billing_account}; write it like 012345-6789AB-CDEF01: gcloud billing accounts list."
  }
}
