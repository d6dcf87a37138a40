# Who may do what, each no more than its work; all of them come with tokens that somebody vouches for,
# none with a key that somebody keeps.


resource "azurerm_user_assigned_identity" "cluster" {
  name                = "${module.sizing.stem}-cluster"
  location            = azurerm_resource_group.all.location
  resource_group_name = azurerm_resource_group.all.name
  tags                = module.sizing.tags
}

resource "azurerm_user_assigned_identity" "machines" {
  name                = "${module.sizing.stem}-machines"
  location            = azurerm_resource_group.all.location
  resource_group_name = azurerm_resource_group.all.name
  tags                = module.sizing.tags
}

resource "azurerm_user_assigned_identity" "certificates" {
  name                = "${module.sizing.stem}-certificates"
  location            = azurerm_resource_group.all.location
  resource_group_name = azurerm_resource_group.all.name
  tags                = module.sizing.tags
}

resource "azurerm_user_assigned_identity" "deploy" {
  name                = "${module.sizing.stem}-deploy"
  location            = azurerm_resource_group.all.location
  resource_group_name = azurerm_resource_group.all.name
  tags                = module.sizing.tags
}

# cert-manager's own account in the cluster, and the workflows of one GitHub environment.
resource "azurerm_federated_identity_credential" "trusted" {
  for_each = {
    cert-manager = {
      identity = azurerm_user_assigned_identity.certificates.id
      issuer   = azurerm_kubernetes_cluster.cluster.oidc_issuer_url
      subject  = "system:serviceaccount:cert-manager:cert-manager"
    }
    github = {
      identity = azurerm_user_assigned_identity.deploy.id
      issuer   = "https://token.actions.githubusercontent.com"
      subject  = "repo:${var.repository}:environment:${var.environment}"
    }
  }
  name                      = each.key
  user_assigned_identity_id = each.value.identity
  issuer                    = each.value.issuer
  subject                   = each.value.subject
  audience                  = ["api://AzureADTokenExchange"]
}

# The cluster joins machines and addresses to the network, and gives machines their identity.
resource "azurerm_role_assignment" "cluster" {
  for_each = {
    subnet   = { scope = azurerm_subnet.nodes.id, role = "Network Contributor" }
    ingress  = { scope = azurerm_public_ip.ingress.id, role = "Network Contributor" }
    machines = { scope = azurerm_user_assigned_identity.machines.id, role = "Managed Identity Operator" }
  }
  scope                = each.value.scope
  role_definition_name = each.value.role
  principal_id         = azurerm_user_assigned_identity.cluster.principal_id
}

resource "azurerm_role_assignment" "pull" {
  scope                = azurerm_container_registry.images.id
  role_definition_name = "AcrPull"
  principal_id         = azurerm_user_assigned_identity.machines.principal_id
}

resource "azurerm_role_assignment" "push" {
  scope                = azurerm_container_registry.images.id
  role_definition_name = "AcrPush"
  principal_id         = azurerm_user_assigned_identity.deploy.principal_id
}

# May ask where the cluster is; what it may do inside, platform/ says.
resource "azurerm_role_assignment" "reach" {
  scope                = azurerm_kubernetes_cluster.cluster.id
  role_definition_name = "Azure Kubernetes Service Cluster User Role"
  principal_id         = azurerm_user_assigned_identity.deploy.principal_id
}

resource "azurerm_role_assignment" "certificates" {
  scope                = azurerm_dns_zone.domain.id
  role_definition_name = "DNS Zone Contributor"
  principal_id         = azurerm_user_assigned_identity.certificates.principal_id
}
