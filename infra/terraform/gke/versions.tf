terraform {
  required_version = ">= 1.10"
  required_providers {
    google = { source = "hashicorp/google", version = ">= 7.40, < 9" }
  }
  # Google's storage locks by itself; where the state lies, examples/gke/backend.hcl says.
  backend "gcs" {}
}

provider "google" {
  project        = var.project
  region         = var.region
  default_labels = module.sizing.tags
  # Budgets are asked of the project that pays for the question.
  user_project_override = true
  billing_project       = var.project
}
