export { Audit as default } from "@/screens/audit"
