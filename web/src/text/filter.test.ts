import { describe, expect, it } from "vitest"
import { complete, take } from "./filter"

const TAGS = ["home", "deep work"]
const offers = (text: string) => complete(text, text.length, TAGS).offers

describe("complete", () => {
  it.each([
    ["pri", ["priority:"]],
    ["priority:", ["high", "medium", "low", "none"]],
    ["priority:m", ["medium"]],
    ["tag:d", ['"deep work"']],
    ["due ", ["<", "<=", ">", ">=", "=", "is empty"]],
    ["due < to", ["today", "tomorrow", "today+7d", "today-7d"]],
    ["priority:high ", ["and ", "or "]],
    ["priority:high and no", ["not ", "notes:"]],
    ["(stat", ["status:"]],
  ])("%s", (text, expected) => {
    expect(offers(text)).toEqual(expected)
  })
  it("takes an offer where the cursor is", () => {
    const text = "priority:m and tag:home"
    expect(take(text, complete(text, 10, TAGS), "medium")).toBe("priority:medium and tag:home")
  })
})
