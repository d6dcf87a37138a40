// The same question as to Evaluate.java, to rrule-temporal: where one of the two is wrong, the other
// must agree with us. The engine leaves times in a gap out, against RFC 5545 section 3.3.10, so it is
// asked in UTC, and Temporal places each local time in its zone.
import { createInterface } from "node:readline";
import { RRuleTemporal } from "rrule-temporal";
import { Temporal } from "temporal-polyfill";

const basic = (text) => text.replace(/[-:]/g, "");

function evaluate(rule, anchor, zone, skip, most) {
  const skipped = skip === "omit" ? "" : `;RSCALE=GREGORIAN;SKIP=${skip.toUpperCase()}`;
  const start = Temporal.PlainDateTime.from(anchor);
  const local = rule.replace(/(UNTIL=\d{8}(T\d{6})?)/, (until) => (until.length > 14 ? `${until}Z` : until));
  const rruleString = `DTSTART;TZID=UTC:${basic(start.toString({ smallestUnit: "second" }))}\nRRULE:${local}${skipped}`;
  const engine = new RRuleTemporal({ rruleString, maxIterations: 3000 });
  // The due date is always the first occurrence and counts.
  const found = [start];
  const count = /COUNT=(\d+)/.exec(rule);
  const enough = Math.min(most, count ? Number(count[1]) : most);
  const bare = count ? new RRuleTemporal({ rruleString: rruleString.replace(/;COUNT=\d+/, ""), maxIterations: 3000 }) : engine;
  bare.all((moment) => {
    if (found.length >= enough || moment.year > 2199) return false;
    const one = moment.toPlainDateTime();
    if (Temporal.PlainDateTime.compare(one, start) > 0) found.push(one);
    return true;
  });
  const dates = found.slice(0, enough);
  if (zone === "-") return dates.map((one) => one.toPlainDate().toString());
  return dates.map((one) => one.toZonedDateTime(zone, { disambiguation: "compatible" }).toInstant().toString());
}

for await (const line of createInterface({ input: process.stdin })) {
  const [rule, anchor, zone, skip, most] = line.split("\t");
  let answer;
  try {
    answer = evaluate(rule, anchor, zone, skip, Number(most)).join(" ");
  } catch (error) {
    answer = `! ${error.message}`;
  }
  console.log(answer);
}
