# Three machines stay, in three places where the region has them; the rest comes and goes with load.
environment     = "production"
region          = "westeurope"
owner           = "platform"
repository      = "example/taskflow"
domain          = "tasks.example.com"
network         = { nodes = "10.40.0.0/20", pods = "10.64.0.0/14", services = "10.41.0.0/20" }
platform        = { machine = "Standard_D4as_v5", min = 3, max = 9 }
functions       = { machine = "Standard_D4as_v5", max = 12 }
budget          = { monthly = 2500, emails = ["platform@example.com"] }
subscription_id = "00000000-0000-0000-0000-000000000000"
administrators  = ["00000000-0000-0000-0000-000000000000"]
