# Who may do what, each no more than its work; all of them come with tokens that somebody vouches for,
# none with a key that somebody keeps.

resource "google_service_account" "nodes" {
  account_id   = "${module.sizing.stem}-nodes"
  display_name = "Machines of ${module.sizing.stem}"
}

resource "google_service_account" "certificates" {
  account_id   = "${module.sizing.stem}-certs"
  display_name = "cert-manager of ${module.sizing.stem}"
}

resource "google_service_account" "deploy" {
  account_id   = "${module.sizing.stem}-deploy"
  display_name = "Workflows that deploy ${module.sizing.stem}"
}

resource "google_project_iam_member" "nodes" {
  for_each = toset(["roles/logging.logWriter", "roles/monitoring.metricWriter", "roles/stackdriver.resourceMetadata.writer"])
  project  = var.project
  role     = each.key
  member   = google_service_account.nodes.member
}

resource "google_artifact_registry_repository_iam_member" "images" {
  for_each = {
    "roles/artifactregistry.reader" = google_service_account.nodes.member
    "roles/artifactregistry.writer" = google_service_account.deploy.member
  }
  repository = google_artifact_registry_repository.images.name
  location   = var.region
  role       = each.key
  member     = each.value
}

# May ask where the cluster is; what it may do inside, platform/ says.
resource "google_project_iam_member" "deploy" {
  project = var.project
  role    = "roles/container.clusterViewer"
  member  = google_service_account.deploy.member
}

# Writes the proof that the domain is ours, and no other zone.
resource "google_dns_managed_zone_iam_member" "certificates" {
  managed_zone = google_dns_managed_zone.domain.name
  role         = "roles/dns.admin"
  member       = google_service_account.certificates.member
}

# cert-manager looks for its zone by name.
resource "google_project_iam_member" "certificates" {
  project = var.project
  role    = "roles/dns.reader"
  member  = google_service_account.certificates.member
}

resource "google_service_account_iam_member" "certificates" {
  service_account_id = google_service_account.certificates.name
  role               = "roles/iam.workloadIdentityUser"
  member             = "serviceAccount:${var.project}.svc.id.goog[cert-manager/cert-manager]"
  depends_on         = [google_container_cluster.cluster]
}

# The workflows of one GitHub environment of one repository.
resource "google_iam_workload_identity_pool" "github" {
  workload_identity_pool_id = module.sizing.stem
  depends_on                = [google_project_service.used]
}

resource "google_iam_workload_identity_pool_provider" "github" {
  #checkov:skip=CKV_GCP_125:it is so; the repository is a variable, whose form sizing/ checks, and no text to look at
  workload_identity_pool_id          = google_iam_workload_identity_pool.github.workload_identity_pool_id
  workload_identity_pool_provider_id = "github"
  attribute_mapping                  = { "google.subject" = "assertion.sub" }
  attribute_condition                = "assertion.sub == 'repo:${var.repository}:environment:${var.environment}'"
  oidc {
    issuer_uri = "https://token.actions.githubusercontent.com"
  }
}

resource "google_service_account_iam_member" "deploy" {
  service_account_id = google_service_account.deploy.name
  role               = "roles/iam.workloadIdentityUser"
  member             = "principal://iam.googleapis.com/${google_iam_workload_identity_pool.github.name}/subject/repo:${var.repository}:environment:${var.environment}"
}

# Google's own services, which encrypt with our key.
resource "google_kms_crypto_key_iam_member" "services" {
  for_each = toset([
    "container-engine-robot", "compute-system", "gcp-sa-artifactregistry",
  ])
  crypto_key_id = google_kms_crypto_key.all.id
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = "serviceAccount:service-${data.google_project.all.number}@${each.key}.iam.gserviceaccount.com"
}
