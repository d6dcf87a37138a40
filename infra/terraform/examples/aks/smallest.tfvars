# The least that holds everything: two machines stay, one of them may be lost without the data, not without
# a pause. For trying out and for staging.
environment     = "staging"
region          = "westeurope"
owner           = "platform"
repository      = "example/taskflow"
domain          = "staging.tasks.example.com"
network         = { nodes = "10.40.0.0/20", pods = "10.64.0.0/14", services = "10.41.0.0/20" }
platform        = { machine = "Standard_D4as_v5", min = 2, max = 3 }
functions       = { machine = "Standard_D2as_v5", max = 4 }
budget          = { monthly = 700, emails = ["platform@example.com"] }
subscription_id = "00000000-0000-0000-0000-000000000000"
administrators  = ["00000000-0000-0000-0000-000000000000"]
