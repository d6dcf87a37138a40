# One network, machines without addresses of their own: what goes out leaves by one gateway, what comes
# in comes by the load balancer's one address.

resource "google_compute_network" "all" {
  name                    = module.sizing.stem
  auto_create_subnetworks = false
  depends_on              = [google_project_service.used]
}

resource "google_compute_subnetwork" "nodes" {
  name                     = "${module.sizing.stem}-nodes"
  network                  = google_compute_network.all.id
  region                   = var.region
  ip_cidr_range            = module.sizing.network.nodes
  private_ip_google_access = true
  secondary_ip_range {
    range_name    = "pods"
    ip_cidr_range = module.sizing.network.pods
  }
  secondary_ip_range {
    range_name    = "services"
    ip_cidr_range = module.sizing.network.services
  }
  log_config {
    aggregation_interval = "INTERVAL_10_MIN"
    flow_sampling        = 0.1
    metadata             = "INCLUDE_ALL_METADATA"
  }
}

# What Google implies, said and logged; GKE opens what its own load balancers need.
resource "google_compute_firewall" "nobody" {
  name          = "${module.sizing.stem}-nobody"
  network       = google_compute_network.all.id
  direction     = "INGRESS"
  priority      = 65534
  source_ranges = ["0.0.0.0/0"]
  deny {
    protocol = "all"
  }
  log_config {
    metadata = "INCLUDE_ALL_METADATA"
  }
}

resource "google_compute_router" "outbound" {
  name    = module.sizing.stem
  network = google_compute_network.all.id
  region  = var.region
}

resource "google_compute_router_nat" "outbound" {
  name                               = module.sizing.stem
  router                             = google_compute_router.outbound.name
  region                             = var.region
  nat_ip_allocate_option             = "AUTO_ONLY"
  source_subnetwork_ip_ranges_to_nat = "ALL_SUBNETWORKS_ALL_IP_RANGES"
  log_config {
    enable = true
    filter = "ERRORS_ONLY"
  }
}

resource "google_compute_address" "ingress" {
  name       = "${module.sizing.stem}-ingress"
  region     = var.region
  depends_on = [google_project_service.used]
}

resource "google_dns_managed_zone" "domain" {
  name     = module.sizing.stem
  dns_name = "${var.domain}."
  dnssec_config {
    state = "on"
    default_key_specs {
      algorithm = "ecdsap256sha256"
      key_type  = "keySigning"
    }
    default_key_specs {
      algorithm = "ecdsap256sha256"
      key_type  = "zoneSigning"
    }
  }
  depends_on = [google_project_service.used]
}

resource "google_dns_record_set" "domain" {
  managed_zone = google_dns_managed_zone.domain.name
  name         = google_dns_managed_zone.domain.dns_name
  type         = "A"
  ttl          = 300
  rrdatas      = [google_compute_address.ingress.address]
}
