# The least that holds everything: two machines stay, one of them may be lost without the data, not without
# a pause. For trying out and for staging.
environment = "staging"
region      = "eu-frankfurt-1"
owner       = "platform"
repository  = "example/taskflow"
domain      = "staging.tasks.example.com"
network     = { nodes = "10.40.0.0/20", pods = "10.64.0.0/14", services = "10.41.0.0/20", control_plane = "10.42.0.0/28", load_balancer = "10.43.0.0/24" }
platform    = { machine = "VM.Standard.E5.Flex 2/16", min = 2, max = 3 }
functions   = { machine = "VM.Standard.E5.Flex 1/8", max = 4 }
budget      = { monthly = 350, emails = ["platform@example.com"] }
tenancy     = "ocid1.tenancy.oc1..example"
compartment = "ocid1.compartment.oc1..example"
