export { Reminders as default } from "@/screens/reminders"
