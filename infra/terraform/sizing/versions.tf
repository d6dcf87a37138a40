# Knows no provider, so that its arithmetic can be tested without any.
terraform {
  required_version = ">= 1.10"
}
