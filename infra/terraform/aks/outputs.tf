# The same outputs on every cloud, and what platform/ is told.

output "cluster" {
  description = "The cluster, and the command that writes its address into a kubeconfig."
  value = {
    name    = azurerm_kubernetes_cluster.cluster.name
    region  = var.region
    private = length(var.api_access) == 0
    reach   = "az aks get-credentials --resource-group ${azurerm_resource_group.all.name} --name ${azurerm_kubernetes_cluster.cluster.name} && kubelogin convert-kubeconfig -l azurecli"
  }
}

output "registry" {
  description = "Where images are pushed, and the command that logs in."
  value = {
    address = "${azurerm_container_registry.images.login_server}/taskflow"
    login   = "az acr login --name ${azurerm_container_registry.images.name}"
  }
}

output "database" {
  description = "PostgreSQL runs in the cluster (CloudNativePG); its disks are encrypted and snapshotted."
  value = {
    host  = "database-rw.taskflow.svc"
    port  = 5432
    name  = "taskflow"
    disks = "managed-csi-premium"
    reach = "kubectl -n taskflow port-forward service/database-rw 5432"
  }
}

output "platform" {
  description = "What platform/ wants to know (README.md says how it is told)."
  value = {
    cloud  = "aks"
    domain = var.domain
    ingress = {
      ip          = azurerm_public_ip.ingress.ip_address
      annotations = { "service.beta.kubernetes.io/azure-load-balancer-resource-group" = azurerm_resource_group.all.name }
    }
    certificates = {
      account = {
        labels      = { "azure.workload.identity/use" = "true" }
        annotations = { "azure.workload.identity/client-id" = azurerm_user_assigned_identity.certificates.client_id }
      }
      solver = {
        azureDNS = {
          subscriptionID    = var.subscription_id
          resourceGroupName = azurerm_resource_group.all.name
          hostedZoneName    = azurerm_dns_zone.domain.name
          environment       = "AzurePublicCloud"
          managedIdentity   = { clientID = azurerm_user_assigned_identity.certificates.client_id }
        }
      }
    }
    # Entra's id of the identity is its name in Kubernetes.
    deployer         = azurerm_user_assigned_identity.deploy.principal_id
    enforce_policies = false
    storage_class    = "managed-csi-premium"
  }
}

output "deploy" {
  description = "Variables of the GitHub environment: none of them is a secret."
  value = {
    CLOUD                 = "aks"
    AZURE_CLIENT_ID       = azurerm_user_assigned_identity.deploy.client_id
    AZURE_TENANT_ID       = azurerm_user_assigned_identity.deploy.tenant_id
    AZURE_SUBSCRIPTION_ID = var.subscription_id
    REGISTRY              = "${azurerm_container_registry.images.login_server}/taskflow"
    CLUSTER               = azurerm_kubernetes_cluster.cluster.name
    CLUSTER_PLACE         = azurerm_resource_group.all.name
    DOMAIN                = var.domain
  }
}

output "cost" {
  description = "US dollars a month at list prices: idle, and with every pool at its most."
  value       = module.sizing.cost
}
