output "address" {
  description = "Where TaskFlow is, once it is deployed."
  value       = "https://${var.platform.domain}"
}

output "dashboards" {
  description = "The command that opens Grafana on this machine; its password is in a secret of the chart's."
  value       = "kubectl --context ${var.context} -n monitoring port-forward service/monitoring-grafana 3000:80"
}
