# One network of three subnets. Machines have no addresses of their own: what goes out leaves by one
# gateway, what comes in comes by the load balancer. Who may speak to whom is said per group, not per
# subnet, so the subnets' own lists allow nothing.

locals {
  everywhere = "0.0.0.0/0"
  subnets = {
    nodes         = { range = module.sizing.network.nodes, public = false }
    control_plane = { range = module.sizing.network.control_plane, public = length(var.api_access) > 0 }
    load_balancer = { range = module.sizing.network.load_balancer, public = true }
  }
  # from, to, ports: between groups, and from ranges outside.
  between = {
    nodes_to_api       = { from = "nodes", to = "control_plane", first = 6443, last = 6443 }
    nodes_to_control   = { from = "nodes", to = "control_plane", first = 12250, last = 12250 }
    api_to_nodes       = { from = "control_plane", to = "nodes", first = 1, last = 65535 }
    among_nodes        = { from = "nodes", to = "nodes", first = 1, last = 65535 }
    balancer_to_nodes  = { from = "load_balancer", to = "nodes", first = 30000, last = 32767 }
    balancer_to_health = { from = "load_balancer", to = "nodes", first = 10256, last = 10256 }
  }
  outside = merge(
    { for range in var.api_access : "api_${range}" => { range = range, to = "control_plane", port = 6443 } },
    { people = { range = local.everywhere, to = "load_balancer", port = 443 } },
  )
}

resource "oci_core_vcn" "all" {
  compartment_id = var.compartment
  display_name   = module.sizing.stem
  dns_label      = "taskflow"
  cidr_blocks    = distinct([for subnet in local.subnets : subnet.range])
  freeform_tags  = module.sizing.tags
}

# Allows nothing: whoever joins no group reaches nobody.
resource "oci_core_default_security_list" "nothing" {
  manage_default_resource_id = oci_core_vcn.all.default_security_list_id
  display_name               = "nothing"
}

data "oci_core_services" "all" {
  filter {
    name   = "name"
    values = ["All .* Services In Oracle Services Network"]
    regex  = true
  }
}

resource "oci_core_internet_gateway" "all" {
  compartment_id = var.compartment
  vcn_id         = oci_core_vcn.all.id
  freeform_tags  = module.sizing.tags
}

resource "oci_core_nat_gateway" "all" {
  compartment_id = var.compartment
  vcn_id         = oci_core_vcn.all.id
  freeform_tags  = module.sizing.tags
}

resource "oci_core_service_gateway" "all" {
  compartment_id = var.compartment
  vcn_id         = oci_core_vcn.all.id
  freeform_tags  = module.sizing.tags
  services {
    service_id = data.oci_core_services.all.services[0].id
  }
}

resource "oci_core_route_table" "public" {
  compartment_id = var.compartment
  vcn_id         = oci_core_vcn.all.id
  freeform_tags  = module.sizing.tags
  route_rules {
    destination       = local.everywhere
    network_entity_id = oci_core_internet_gateway.all.id
  }
}

resource "oci_core_route_table" "private" {
  compartment_id = var.compartment
  vcn_id         = oci_core_vcn.all.id
  freeform_tags  = module.sizing.tags
  route_rules {
    destination       = local.everywhere
    network_entity_id = oci_core_nat_gateway.all.id
  }
  route_rules {
    destination       = data.oci_core_services.all.services[0].cidr_block
    destination_type  = "SERVICE_CIDR_BLOCK"
    network_entity_id = oci_core_service_gateway.all.id
  }
}

resource "oci_core_subnet" "all" {
  for_each                   = local.subnets
  compartment_id             = var.compartment
  vcn_id                     = oci_core_vcn.all.id
  display_name               = each.key
  dns_label                  = replace(each.key, "_", "")
  cidr_block                 = each.value.range
  prohibit_public_ip_on_vnic = !each.value.public
  route_table_id             = each.value.public ? oci_core_route_table.public.id : oci_core_route_table.private.id
  security_list_ids          = [oci_core_default_security_list.nothing.id]
  freeform_tags              = module.sizing.tags
}

resource "oci_core_network_security_group" "all" {
  for_each       = local.subnets
  compartment_id = var.compartment
  vcn_id         = oci_core_vcn.all.id
  display_name   = each.key
  freeform_tags  = module.sizing.tags
}

resource "oci_core_network_security_group_security_rule" "inward" {
  #checkov:skip=CKV_OCI_21:without state every answer would need a rule of its own, over all ports
  for_each                  = local.between
  network_security_group_id = oci_core_network_security_group.all[each.value.to].id
  direction                 = "INGRESS"
  protocol                  = each.key == "among_nodes" ? "all" : "6"
  source_type               = "NETWORK_SECURITY_GROUP"
  source                    = oci_core_network_security_group.all[each.value.from].id
  dynamic "tcp_options" {
    for_each = each.key == "among_nodes" ? [] : [each.value]
    content {
      destination_port_range {
        min = tcp_options.value.first
        max = tcp_options.value.last
      }
    }
  }
}

resource "oci_core_network_security_group_security_rule" "outside" {
  #checkov:skip=CKV_OCI_21:without state every answer would need a rule of its own, over all ports
  for_each                  = local.outside
  network_security_group_id = oci_core_network_security_group.all[each.value.to].id
  direction                 = "INGRESS"
  protocol                  = "6"
  source_type               = "CIDR_BLOCK"
  source                    = each.value.range
  tcp_options {
    destination_port_range {
      min = each.value.port
      max = each.value.port
    }
  }
}

resource "oci_core_network_security_group_security_rule" "outward" {
  #checkov:skip=CKV2_OCI_2:a rule for what goes out; nobody is let in by it
  for_each                  = local.subnets
  network_security_group_id = oci_core_network_security_group.all[each.key].id
  direction                 = "EGRESS"
  protocol                  = "all"
  destination_type          = "CIDR_BLOCK"
  destination               = local.everywhere
}

resource "oci_core_public_ip" "ingress" {
  compartment_id = var.compartment
  display_name   = "${module.sizing.stem}-ingress"
  lifetime       = "RESERVED"
  freeform_tags  = module.sizing.tags
  lifecycle {
    # The load balancer takes it.
    ignore_changes = [private_ip_id]
  }
}

resource "oci_dns_zone" "domain" {
  compartment_id = var.compartment
  name           = var.domain
  zone_type      = "PRIMARY"
  freeform_tags  = module.sizing.tags
}

resource "oci_dns_rrset" "domain" {
  zone_name_or_id = oci_dns_zone.domain.id
  domain          = var.domain
  rtype           = "A"
  items {
    domain = var.domain
    rtype  = "A"
    rdata  = oci_core_public_ip.ingress.ip_address
    ttl    = 300
  }
}
