export { Tags as default } from "@/screens/tags"
