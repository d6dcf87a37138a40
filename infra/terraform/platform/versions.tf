terraform {
  required_version = ">= 1.10"
  required_providers {
    helm = { source = "hashicorp/helm", version = "~> 3.1" }
  }
  # In the cluster that it describes, locked by a lease: what it says is worth nothing without that
  # cluster, and no cloud has to be named here.
  backend "kubernetes" {
    secret_suffix = "platform"
    namespace     = "kube-system"
  }
}

provider "helm" {
  kubernetes = {
    config_path    = var.kubeconfig
    config_context = var.context
  }
}
