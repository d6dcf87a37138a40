# One network, machines without addresses of their own: what goes out leaves by one gateway, what comes
# in comes by the load balancer's one address.

resource "azurerm_virtual_network" "all" {
  name                = module.sizing.stem
  location            = azurerm_resource_group.all.location
  resource_group_name = azurerm_resource_group.all.name
  address_space       = [module.sizing.network.nodes]
  tags                = module.sizing.tags
}

resource "azurerm_subnet" "nodes" {
  name                 = "nodes"
  resource_group_name  = azurerm_resource_group.all.name
  virtual_network_name = azurerm_virtual_network.all.name
  address_prefixes     = [module.sizing.network.nodes]
}

# Azure's own rules (the network and its load balancers in, nobody else), and people's way in.
resource "azurerm_network_security_group" "nodes" {
  name                = "${module.sizing.stem}-nodes"
  location            = azurerm_resource_group.all.location
  resource_group_name = azurerm_resource_group.all.name
  tags                = module.sizing.tags
  security_rule {
    name                       = "https"
    priority                   = 100
    direction                  = "Inbound"
    access                     = "Allow"
    protocol                   = "Tcp"
    source_address_prefix      = "Internet"
    source_port_range          = "*"
    destination_address_prefix = azurerm_public_ip.ingress.ip_address
    destination_port_range     = "443"
  }
}

resource "azurerm_subnet_network_security_group_association" "nodes" {
  subnet_id                 = azurerm_subnet.nodes.id
  network_security_group_id = azurerm_network_security_group.nodes.id
}

resource "azurerm_public_ip" "outbound" {
  name                = "${module.sizing.stem}-outbound"
  location            = azurerm_resource_group.all.location
  resource_group_name = azurerm_resource_group.all.name
  allocation_method   = "Static"
  sku                 = "Standard"
  tags                = module.sizing.tags
}

resource "azurerm_public_ip" "ingress" {
  name                = "${module.sizing.stem}-ingress"
  location            = azurerm_resource_group.all.location
  resource_group_name = azurerm_resource_group.all.name
  allocation_method   = "Static"
  sku                 = "Standard"
  zones               = ["1", "2", "3"]
  tags                = module.sizing.tags
}

resource "azurerm_nat_gateway" "outbound" {
  name                    = module.sizing.stem
  location                = azurerm_resource_group.all.location
  resource_group_name     = azurerm_resource_group.all.name
  sku_name                = "Standard"
  idle_timeout_in_minutes = 10
  tags                    = module.sizing.tags
}

resource "azurerm_nat_gateway_public_ip_association" "outbound" {
  nat_gateway_id       = azurerm_nat_gateway.outbound.id
  public_ip_address_id = azurerm_public_ip.outbound.id
}

resource "azurerm_subnet_nat_gateway_association" "nodes" {
  subnet_id      = azurerm_subnet.nodes.id
  nat_gateway_id = azurerm_nat_gateway.outbound.id
}

resource "azurerm_dns_zone" "domain" {
  name                = var.domain
  resource_group_name = azurerm_resource_group.all.name
  tags                = module.sizing.tags
}

resource "azurerm_dns_a_record" "domain" {
  name                = "@"
  zone_name           = azurerm_dns_zone.domain.name
  resource_group_name = azurerm_resource_group.all.name
  ttl                 = 300
  records             = [azurerm_public_ip.ingress.ip_address]
  tags                = module.sizing.tags
}
