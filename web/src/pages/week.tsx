export { Week as default } from "@/screens/calendar"
