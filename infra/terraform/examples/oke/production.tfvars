# Three machines stay, in three places where the region has them; the rest comes and goes with load.
environment = "production"
region      = "eu-frankfurt-1"
owner       = "platform"
repository  = "example/taskflow"
domain      = "tasks.example.com"
network     = { nodes = "10.40.0.0/20", pods = "10.64.0.0/14", services = "10.41.0.0/20", control_plane = "10.42.0.0/28", load_balancer = "10.43.0.0/24" }
platform    = { machine = "VM.Standard.E5.Flex 2/16", min = 3, max = 9 }
functions   = { machine = "VM.Standard.E5.Flex 2/16", max = 12 }
budget      = { monthly = 1200, emails = ["platform@example.com"] }
tenancy     = "ocid1.tenancy.oc1..example"
compartment = "ocid1.compartment.oc1..example"
