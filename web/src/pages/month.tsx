export { Month as default } from "@/screens/calendar"
