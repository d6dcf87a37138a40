# Three machines stay, in three places where the region has them; the rest comes and goes with load.
environment     = "production"
region          = "europe-west4"
owner           = "platform"
repository      = "example/taskflow"
domain          = "tasks.example.com"
network         = { nodes = "10.40.0.0/20", pods = "10.64.0.0/14", services = "10.41.0.0/20", control_plane = "10.42.0.0/28" }
platform        = { machine = "n2d-standard-4", min = 3, max = 9 }
functions       = { machine = "n2d-standard-4", max = 12 }
budget          = { monthly = 2500, emails = ["platform@example.com"] }
project         = "example-taskflow"
billing_account = "000000-000000-000000"
