export { Settings as default } from "@/screens/settings"
