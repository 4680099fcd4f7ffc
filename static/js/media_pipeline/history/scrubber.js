/* The scrubber: all days of all years as one line. Dragged, it tells the day under the finger; let go, it asks for that day.
 *
 * A day has a length by its pictures, but no busy one hides the quiet ones: the root of their number, and a little more.
 */
import { monthShort, weekdayAndDay } from "../../times.js";

const scrubber = document.querySelector(".scrubber");
const LABEL_PX = 18;

function start() {
  const days = JSON.parse(document.getElementById("all-days").textContent);
  // Of months that are still to be counted it is known only that there are pictures.
  for (const { dataset } of scrubber.querySelectorAll("a[data-month]")) {
    if (!days.some(([date]) => date.startsWith(dataset.month))) days.push([`${dataset.month}-28`, 1]);
  }
  days.sort(([one], [other]) => (one < other ? 1 : -1));
  if (days.length < 2) return;
  const ends = [];
  let total = 0;
  for (const [, count] of days) ends.push((total += Math.sqrt(count) + 0.5));

  const track = document.createElement("div");
  track.className = "scrubber__track";
  track.tabIndex = 0;
  track.setAttribute("role", "slider");
  track.setAttribute("aria-orientation", "vertical");
  track.setAttribute("aria-label", scrubber.dataset.label);
  track.setAttribute("aria-valuemin", "0");
  track.setAttribute("aria-valuemax", String(days.length - 1));
  const knob = document.createElement("i");
  knob.className = "scrubber__knob";
  const bubble = document.createElement("span");
  bubble.className = "scrubber__bubble";
  bubble.hidden = true;
  track.append(knob, bubble);
  scrubber.append(track);
  scrubber.classList.add("scrubber--live");

  let chosen = 0;

  function share(index) {
    return (index ? ends[index - 1] : 0) / total;
  }

  function indexAt(y) {
    const box = track.getBoundingClientRect();
    const wanted = Math.min(Math.max((y - box.top) / box.height, 0), 0.99999) * total;
    return ends.findIndex((end) => end > wanted);
  }

  function indexOf(day) {
    const found = days.findIndex(([date]) => date <= day);
    return found < 0 ? days.length - 1 : found;
  }

  function show(index, isTelling) {
    chosen = Math.min(Math.max(index, 0), days.length - 1);
    const words = weekdayAndDay(days[chosen][0]);
    for (const part of [knob, bubble]) part.style.top = `${share(chosen) * 100}%`;
    bubble.textContent = words;
    bubble.hidden = !isTelling;
    track.setAttribute("aria-valuenow", String(chosen));
    track.setAttribute("aria-valuetext", words);
  }

  function go() {
    const url = new URL(scrubber.dataset.jump, location.href);
    url.searchParams.set("at", days[chosen][0]);
    location.assign(url);
  }

  function label() {
    for (const tick of track.querySelectorAll(".scrubber__tick")) tick.remove();
    const height = track.clientHeight;
    let [last, free] = ["", 0];
    for (const [index, [date]] of days.entries()) {
      const top = share(index) * height;
      if (date.slice(0, 7) === last || top < free) continue;
      const tick = document.createElement("span");
      tick.className = "scrubber__tick";
      const isYear = date.slice(0, 4) !== last.slice(0, 4);
      tick.textContent = isYear ? date.slice(0, 4) : monthShort(date);
      if (isYear) tick.dataset.year = "";
      tick.style.top = `${Math.max(top, LABEL_PX / 2)}px`;
      track.append(tick);
      [last, free] = [date.slice(0, 7), top + LABEL_PX];
    }
  }

  track.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    track.setPointerCapture(event.pointerId);
    show(indexAt(event.clientY), true);
  });
  track.addEventListener("pointermove", (event) => {
    if (track.hasPointerCapture(event.pointerId)) show(indexAt(event.clientY), true);
    else if (event.pointerType === "mouse") bubbleOnly(indexAt(event.clientY));
  });
  track.addEventListener("pointerup", (event) => {
    if (track.hasPointerCapture(event.pointerId)) go();
  });
  track.addEventListener("pointercancel", () => show(here(), false));
  track.addEventListener("pointerleave", () => {
    bubble.hidden = true;
  });
  track.addEventListener("keydown", (event) => {
    const month = () => days.findIndex(([date], index) => index > chosen && date.slice(0, 7) !== days[chosen][0].slice(0, 7));
    const monthBefore = () => days.findLastIndex(([date], index) => index < chosen && date.slice(0, 7) !== days[chosen][0].slice(0, 7));
    const to = {
      ArrowDown: () => chosen + 1,
      ArrowRight: () => chosen + 1,
      ArrowUp: () => chosen - 1,
      ArrowLeft: () => chosen - 1,
      PageDown: () => (month() < 0 ? days.length - 1 : month()),
      PageUp: () => Math.max(monthBefore(), 0),
      Home: () => 0,
      End: () => days.length - 1,
    }[event.key];
    if (to) show(to(), true);
    else if (event.key === "Enter" || event.key === " ") go();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });

  function bubbleOnly(index) {
    bubble.textContent = weekdayAndDay(days[index][0]);
    bubble.style.top = `${share(index) * 100}%`;
    bubble.hidden = false;
  }

  function here() {
    const first = document.querySelector(".day")?.id.slice(4) ?? days[0][0];
    return indexOf(new URL(location.href).searchParams.get("at")?.slice(0, 10) ?? first);
  }

  document.addEventListener("photohub:place", () => show(here(), false));
  track.addEventListener("blur", () => show(here(), false));
  new ResizeObserver(label).observe(track);
  show(here(), false);
}

if (scrubber) start();
