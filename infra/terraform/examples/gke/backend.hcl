# terraform init -backend-config=../examples/gke/backend.hcl
# The bucket is made once, by hand: uniform access, versions kept, public access prevented. The lock is
# an object beside the state.
bucket = "example-terraform"
prefix = "taskflow/production"
