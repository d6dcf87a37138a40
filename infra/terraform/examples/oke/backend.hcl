# terraform init -backend-config=../examples/oke/backend.hcl
# The bucket is made once, by hand: private, versions kept. Its S3 interface wants a customer secret key
# of whoever runs Terraform (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY in the environment): the one key
# here that somebody keeps. The lock is a file beside the state.
bucket    = "terraform"
key       = "taskflow/production.tfstate"
region    = "eu-frankfurt-1"
endpoints = { s3 = "https://NAMESPACE.compat.objectstorage.eu-frankfurt-1.oraclecloud.com" }
