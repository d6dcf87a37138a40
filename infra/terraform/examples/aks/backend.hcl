# terraform init -backend-config=../examples/aks/backend.hcl
# The storage account is made once, by hand: no public blobs, versions kept, Entra alone, and the role
# Storage Blob Data Contributor for whoever runs Terraform. The blob's lease is the lock.
resource_group_name  = "terraform"
storage_account_name = "exampleterraform"
container_name       = "taskflow"
key                  = "production.tfstate"
