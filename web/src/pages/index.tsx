export { Tasks as default } from "@/screens/tasks"
