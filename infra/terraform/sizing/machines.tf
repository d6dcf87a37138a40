# Machines known here: virtual CPUs, MiB, and US dollars an hour at list price, on demand, Linux, in
# the cloud's cheapest American region. Noted in June 2026 from memory of the price lists, to be looked
# up again before anybody decides by them: azure.microsoft.com/pricing, cloud.google.com/pricing,
# oracle.com/cloud/price-list.
locals {
  machines = {
    aks = {
      Standard_D2as_v5 = { cpu = 2, memory = 8192, price = 0.086 }
      Standard_D4as_v5 = { cpu = 4, memory = 16384, price = 0.172 }
      Standard_D8as_v5 = { cpu = 8, memory = 32768, price = 0.344 }
      Standard_E4as_v5 = { cpu = 4, memory = 32768, price = 0.226 }
    }
    gke = {
      e2-standard-2  = { cpu = 2, memory = 8192, price = 0.067 }
      e2-standard-4  = { cpu = 4, memory = 16384, price = 0.134 }
      n2d-standard-4 = { cpu = 4, memory = 16384, price = 0.169 }
      n2d-standard-8 = { cpu = 8, memory = 32768, price = 0.338 }
    }
    # A flexible shape with so many OCPUs (two virtual CPUs each) and GiB: 0.03 an OCPU, 0.002 a GiB.
    oke = {
      "VM.Standard.E5.Flex 1/8"  = { cpu = 2, memory = 8192, price = 0.046, shape = "VM.Standard.E5.Flex", ocpus = 1 }
      "VM.Standard.E5.Flex 2/16" = { cpu = 4, memory = 16384, price = 0.092, shape = "VM.Standard.E5.Flex", ocpus = 2 }
      "VM.Standard.E5.Flex 4/32" = { cpu = 8, memory = 32768, price = 0.184, shape = "VM.Standard.E5.Flex", ocpus = 4 }
    }
  }
  # An hour of the control plane (Azure's is free outside production), of NAT and of one load balancer;
  # a month of the registry and of a GiB of disk; the share of its price that a spot machine costs, which
  # moves from day to day. Traffic and logs come on top.
  prices = {
    aks = { control_plane = 0.10, nat = 0.045, load_balancer = 0.030, registry = 50, disk_gib = 0.15, spot = 0.4 }
    gke = { control_plane = 0.10, nat = 0.014, load_balancer = 0.025, registry = 1, disk_gib = 0.17, spot = 0.4 }
    oke = { control_plane = 0.10, nat = 0, load_balancer = 0.0113, registry = 1, disk_gib = 0.0425, spot = 0.5 }
  }
  metrics_disk = 50
}
