/* Dates and times in words, as photohub/lib/pages/times/wording.py tells them: the same patterns, in the browser's zone.
 *
 * <time datetime="…" data-time="moment"> is kept current, in the page and in fragments that come later:
 *   time "21:13" · seconds "21:13:05" · day "Nov 29" · moment "21:13" of today, else "Nov 29, 21:13"
 *   ago "3 minutes ago" · ago_short "3m", older than a week the day · exact "Nov 29, 2026, 21:13:05"
 * The year is said where it is not the present one. The exact time stands in the title.
 */
const words = JSON.parse(document.getElementById("time-words").textContent);
const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
const AGO_AT_MOST_S = 7 * 86400;

function fill(pattern, values) {
  return pattern.replace(/%\((\w+)\)s/g, (_, name) => values[name]);
}

const pad = (number) => String(number).padStart(2, "0");
const isSameDay = (one, other) => one.toDateString() === other.toDateString();

function time(at) {
  return `${pad(at.getHours())}:${pad(at.getMinutes())}`;
}

function seconds(at) {
  return `${time(at)}:${pad(at.getSeconds())}`;
}

function dayOf(at, withYear) {
  const values = { month: words.months[at.getMonth()], day: at.getDate(), year: at.getFullYear() };
  return fill(withYear ? words.day_of_year : words.day, values);
}

function day(at) {
  return dayOf(at, at.getFullYear() !== new Date().getFullYear());
}

function moment(at) {
  return isSameDay(at, new Date()) ? time(at) : fill(words.day_and_time, { day: day(at), time: time(at) });
}

function exact(at) {
  return fill(words.day_and_time, { day: dayOf(at, true), time: seconds(at) });
}

/* Days without a zone, as "2026-11-29". */
export function monthShort(isoDay) {
  return words.months[Number(isoDay.slice(5, 7)) - 1];
}

export function weekdayAndDay(isoDay) {
  const [year, month, day] = isoDay.split("-").map(Number);
  const at = new Date(year, month - 1, day);
  return fill(words.weekday_and_day, { weekday: words.weekdays[(at.getDay() + 6) % 7], day: dayOf(at, true) });
}

function howLongAgo(at, say) {
  const age_s = (Date.now() - at.getTime()) / 1000;
  if (age_s > AGO_AT_MOST_S) return day(at);
  if (age_s < 1.5) return words.now;
  const [unit, size_s] = UNITS.find(([, size_s]) => age_s >= size_s);
  return say(unit, Math.floor(age_s / size_s));
}

function ago(at) {
  return howLongAgo(at, (unit, n) => fill(words.ago[unit][n === 1 ? 0 : 1], { n }));
}

function agoShort(at) {
  return howLongAgo(at, (unit, n) => fill(words.ago_short[unit], { n }));
}

export const forms = { time, seconds, day, moment, exact, ago, ago_short: agoShort };

export function updateTimes() {
  if (document.hidden) return;
  for (const element of document.querySelectorAll("time[data-time]")) {
    const at = new Date(element.dateTime);
    const tell = forms[element.dataset.time];
    if (!tell || Number.isNaN(at.getTime())) continue;
    const text = tell(at);
    if (element.textContent !== text) element.textContent = text;
    const title = exact(at);
    if (element.title !== title) element.title = title;
  }
}
