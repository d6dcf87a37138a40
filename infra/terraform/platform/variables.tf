# What the cluster's root says of itself, and the little that a person adds.

variable "kubeconfig" {
  type        = string
  description = "The file that leads to the cluster: output cluster.reach of its root writes it."
  default     = "~/.kube/config"
}

variable "context" {
  type        = string
  description = "Which cluster of that file."
}

variable "platform" {
  type = object({
    cloud   = string
    domain  = string
    ingress = object({ ip = string, annotations = map(string) })
    certificates = optional(object({
      account = object({ labels = map(string), annotations = map(string) })
      solver  = any
    }))
    deployer         = string
    enforce_policies = bool
    storage_class    = string
  })
  description = "Output platform of the cluster's root, as it is."
  validation {
    condition     = contains(["aks", "gke", "oke"], var.platform.cloud)
    error_message = "platform.cloud is ${var.platform.cloud}; take the whole value from terraform output -json platform in aks/, gke/ or oke/."
  }
}

variable "environment" {
  type        = string
  description = "preview, staging or production: in production everything stands twice or thrice."
  validation {
    condition     = contains(["preview", "staging", "production"], var.environment)
    error_message = "environment is ${var.environment}; it is preview, staging or production."
  }
}

variable "mail" {
  type        = string
  description = "Whom the certificate authority writes to before a certificate runs out."
  validation {
    condition     = can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", var.mail))
    error_message = "mail is ${var.mail}; an address that somebody reads is wanted, such as platform@example.com."
  }
}

variable "image" {
  type        = string
  description = "TaskFlow's image, by digest, to be started at once; empty: a workflow deploys it."
  default     = ""
  validation {
    condition     = var.image == "" || can(regex("@sha256:[0-9a-f]{64}$", var.image))
    error_message = "image is ${var.image}; name it by its digest (NAME@sha256:...), so that what was checked and signed is what runs."
  }
}

variable "smtp" {
  type        = string
  description = "The mail server for TaskFlow's first start, smtps://user:password@host:465; kept in the cluster's secret alone."
  default     = ""
  sensitive   = true
  ephemeral   = true
}
