export { Machine as default } from "@/screens/machine"
