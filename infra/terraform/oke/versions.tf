terraform {
  required_version = ">= 1.10"
  required_providers {
    oci = { source = "oracle/oci", version = ">= 7.19, < 9" }
  }
  # Object Storage by its S3 interface, with a lock file beside the state; examples/oke/backend.hcl.
  backend "s3" {
    use_lockfile                = true
    skip_region_validation      = true
    skip_credentials_validation = true
    skip_requesting_account_id  = true
    skip_metadata_api_check     = true
    skip_s3_checksum            = true
    use_path_style              = true
  }
}

provider "oci" {
  region       = var.region
  tenancy_ocid = var.tenancy
}
