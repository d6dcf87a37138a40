# Regions where three brokers can stand apart: in three zones on Azure and Google, in three domains of
# availability or, where a region has one of those, three of fault on Oracle. The number is of the former.
locals {
  regions = {
    aks = { for name in [
      "australiaeast", "brazilsouth", "canadacentral", "centralindia", "centralus", "eastasia",
      "eastus", "eastus2", "francecentral", "germanywestcentral", "israelcentral", "italynorth",
      "japaneast", "koreacentral", "mexicocentral", "northeurope", "norwayeast", "polandcentral",
      "southafricanorth", "southcentralus", "southeastasia", "spaincentral", "swedencentral", "switzerlandnorth",
      "uaenorth", "uksouth", "westeurope", "westus2", "westus3",
    ] : name => 3 }
    gke = { for name in [
      "africa-south1", "asia-east1", "asia-east2", "asia-northeast1", "asia-northeast2", "asia-northeast3",
      "asia-south1", "asia-south2", "asia-southeast1", "asia-southeast2", "australia-southeast1", "australia-southeast2",
      "europe-central2", "europe-north1", "europe-southwest1", "europe-west1", "europe-west2", "europe-west3",
      "europe-west4", "europe-west6", "europe-west8", "europe-west9", "europe-west10", "europe-west12",
      "me-central1", "me-central2", "me-west1", "northamerica-northeast1", "northamerica-northeast2", "northamerica-south1",
      "southamerica-east1", "southamerica-west1", "us-central1", "us-east1", "us-east4", "us-east5",
      "us-south1", "us-west1", "us-west2", "us-west3", "us-west4",
    ] : name => 3 }
    oke = merge(
      { for name in ["us-ashburn-1", "us-phoenix-1", "eu-frankfurt-1", "uk-london-1"] : name => 3 },
      { for name in [
        "ap-melbourne-1", "ap-mumbai-1", "ap-osaka-1", "ap-seoul-1", "ap-singapore-1", "ap-sydney-1",
        "ap-tokyo-1", "ca-montreal-1", "ca-toronto-1", "eu-amsterdam-1", "eu-madrid-1", "eu-marseille-1",
        "eu-milan-1", "eu-paris-1", "eu-stockholm-1", "eu-zurich-1", "il-jerusalem-1", "me-dubai-1",
        "me-jeddah-1", "mx-queretaro-1", "sa-saopaulo-1", "sa-santiago-1", "us-chicago-1", "us-sanjose-1",
      ] : name => 1 },
    )
  }
}
