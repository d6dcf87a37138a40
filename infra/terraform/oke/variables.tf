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
  description = "Knative wants 1.34 at least; KEDA is tested up to 1.35. Oracle wants the patch too."
  default     = "1.34.1"
  validation {
    condition     = can(regex("^1\\.3[45]\\.[0-9]+$", var.kubernetes_version))
    error_message = "kubernetes_version is ${var.kubernetes_version}; Knative 1.23 wants 1.34 at least, KEDA 2.20 is tested up to 1.35, and Oracle wants a whole version: one of oci ce cluster-options get --cluster-option-id all."
  }
}

variable "tenancy" {
  type        = string
  description = "The tenancy: dynamic groups and budgets belong to it."
  validation {
    condition     = startswith(var.tenancy, "ocid1.tenancy.")
    error_message = "tenancy is ${var.tenancy}; its OCID (ocid1.tenancy...) is wanted, as the console's profile menu shows it."
  }
}

variable "compartment" {
  type        = string
  description = "The compartment that everything belongs to."
  validation {
    condition     = startswith(var.compartment, "ocid1.compartment.")
    error_message = "compartment is ${var.compartment}; the OCID of a compartment of its own (ocid1.compartment...) is wanted, not the tenancy: rights are given for it as a whole."
  }
}
