export { Letters as default } from "@/screens/letters"
