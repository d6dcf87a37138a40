# The least that holds everything: two machines stay, one of them may be lost without the data, not without
# a pause. For trying out and for staging.
environment     = "staging"
region          = "europe-west4"
owner           = "platform"
repository      = "example/taskflow"
domain          = "staging.tasks.example.com"
network         = { nodes = "10.40.0.0/20", pods = "10.64.0.0/14", services = "10.41.0.0/20", control_plane = "10.42.0.0/28" }
platform        = { machine = "e2-standard-4", min = 2, max = 3 }
functions       = { machine = "e2-standard-2", max = 4 }
budget          = { monthly = 600, emails = ["platform@example.com"] }
project         = "example-taskflow"
billing_account = "000000-000000-000000"
