// The first dates of rules, by an engine that shares no code with ours: lib-recur evaluates the rule
// (RFC 5545, with SKIP of RFC 7529) in local time, java.time places each local time in its zone: a
// gap moves it forward, of two the first counts, as RFC 5545 section 3.3.5 has it.
//
// A line in: rule, anchor, zone or -, skip, how many; with tabs. A line out: the dates, with spaces.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.List;
import org.dmfs.rfc5545.DateTime;
import org.dmfs.rfc5545.recur.RecurrenceRule;
import org.dmfs.rfc5545.recur.RecurrenceRuleIterator;

public class Evaluate {
    public static void main(String[] arguments) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] one = line.split("\t");
            System.out.println(answer(one[0], one[1], one[2], one[3], Integer.parseInt(one[4])));
        }
    }

    static String answer(String rule, String anchor, String zone, String skip, int most) {
        try {
            List<String> shown = new ArrayList<>();
            for (LocalDateTime local : evaluate(rule, anchor, skip, most)) {
                shown.add(zone.equals("-") ? local.toLocalDate().toString()
                        : local.atZone(ZoneId.of(zone)).toInstant().toString());
            }
            return String.join(" ", shown);
        } catch (Exception error) {
            return "! " + error.getMessage();
        }
    }

    // The due date is always the first occurrence and counts, which RFC 5545 leaves open where it
    // does not match; the engine gives matching dates only.
    static List<LocalDateTime> evaluate(String rule, String anchor, String skip, int most)
            throws Exception {
        boolean allDay = anchor.length() == 10;
        LocalDateTime start = allDay ? LocalDate.parse(anchor).atStartOfDay() : LocalDateTime.parse(anchor);
        RecurrenceRule parsed = new RecurrenceRule(
                skip.equals("omit") ? rule : rule + ";RSCALE=GREGORIAN;SKIP=" + skip.toUpperCase());
        Integer count = parsed.getCount();
        if (count != null) {
            parsed.setCount(count + 1);
        }
        RecurrenceRuleIterator found = parsed.iterator(at(start, allDay));
        List<LocalDateTime> locals = new ArrayList<>();
        locals.add(start);
        while (locals.size() < most && (count == null || locals.size() < count) && found.hasNext()) {
            DateTime next = found.nextDateTime();
            if (next.getYear() > 2199) {
                break;
            }
            LocalDateTime local = LocalDateTime.of(next.getYear(), next.getMonth() + 1,
                    next.getDayOfMonth(), next.getHours(), next.getMinutes(), next.getSeconds());
            if (local.isAfter(start)) {
                locals.add(local);
            }
        }
        return locals;
    }

    static DateTime at(LocalDateTime local, boolean allDay) {
        int year = local.getYear(), month = local.getMonthValue() - 1, day = local.getDayOfMonth();
        return allDay ? new DateTime(year, month, day)
                : new DateTime(year, month, day, local.getHour(), local.getMinute(), local.getSecond());
    }
}
