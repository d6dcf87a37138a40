export { Users as default } from "@/screens/users"
