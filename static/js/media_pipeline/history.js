/* History: filters that apply at once, days that go on across pages, and selecting. Without it all of that still works by
 * links, checkboxes and buttons.
 */

const main = document.querySelector(".history__main");
const filters = document.querySelector("[data-filters]");

/* Filters */
if (filters) {
  filters.querySelector("[data-filters-go]").hidden = true;
  filters.addEventListener("change", () => filters.requestSubmit());
  filters.addEventListener("submit", () => {
    for (const field of filters.elements) if (field.name && !field.value) field.disabled = true;
  });
  window.addEventListener("pageshow", () => {
    for (const field of filters.elements) field.disabled = false;
  });
}

/* A day that began on the page before goes on in it, under one heading. */
function joinDays() {
  const seen = new Map();
  for (const day of main.querySelectorAll(".day")) {
    const first = seen.get(day.id);
    if (!first) {
      seen.set(day.id, day);
      continue;
    }
    first.querySelector(".photos").append(...day.querySelector(".photos").children);
    day.remove();
  }
  watchDays();
}

/* The scrubber shows the month in view. */
const scrubber = document.querySelector(".scrubber");
const inView = new IntersectionObserver((entries) => {
  const shown = entries.filter((entry) => entry.isIntersecting).map((entry) => entry.target);
  if (!shown.length) return;
  for (const link of scrubber.querySelectorAll("a[data-month]")) {
    link.toggleAttribute("aria-current", false);
    if (link.dataset.month === shown[0].dataset.month) link.setAttribute("aria-current", "true");
  }
}, { rootMargin: "0px 0px -80% 0px" });

function watchDays() {
  if (scrubber) for (const day of main.querySelectorAll(".day")) inView.observe(day);
}

/* Selecting */
const page = document.querySelector(".history");
const toggle = document.querySelector("[data-select]");
let lastBox = null;

function boxes(scope = main) {
  return [...scope.querySelectorAll(".photo__pick > input")];
}

function setSelecting(isOn) {
  page.classList.toggle("selecting", isOn);
  toggle.setAttribute("aria-pressed", String(isOn));
  const label = toggle.querySelector("span");
  toggle.dataset.select ||= label.textContent;
  label.textContent = isOn ? toggle.dataset.done : toggle.dataset.select;
  if (!isOn) for (const box of boxes()) box.checked = false;
  count();
}

function count() {
  const chosen = boxes().filter((box) => box.checked).length;
  const line = document.querySelector(".selection__count");
  line.textContent = chosen === 1 ? line.dataset.one : line.dataset.many.replace("{n}", chosen);
  for (const button of document.querySelectorAll(".selection button")) button.disabled = chosen === 0;
  if (chosen && !page.classList.contains("selecting")) setSelecting(true);
}

/* With Shift everything between the last box and this one follows it. */
function pick(box, isRange) {
  const all = boxes();
  const [from, to] = [all.indexOf(lastBox), all.indexOf(box)].sort((a, b) => a - b);
  if (isRange && from >= 0) for (const one of all.slice(from, to + 1)) one.checked = box.checked;
  lastBox = box;
  count();
}

function onClick(event) {
  const day = event.target.closest("[data-pick-day]")?.closest(".day");
  if (day) {
    const own = boxes(day);
    const isOn = own.some((box) => !box.checked);
    for (const box of own) box.checked = isOn;
    return count();
  }
  const photo = event.target.closest(".photo");
  if (photo && event.target.closest(".photo > a") && page.classList.contains("selecting")) {
    event.preventDefault();
    event.stopPropagation();
    const box = photo.querySelector("input");
    box.checked = !box.checked;
    pick(box, event.shiftKey);
  } else if (event.target.matches(".photo__pick > input")) {
    pick(event.target, event.shiftKey);
  }
}

if (main) {
  joinDays();
  document.addEventListener("htmx:afterSwap", joinDays);
  // In the capture phase: while selecting, a click must not open the lightbox.
  main.addEventListener("click", onClick, true);
  toggle.addEventListener("click", () => setSelecting(!page.classList.contains("selecting")));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && page.classList.contains("selecting") && !document.querySelector(".pswp")) setSelecting(false);
  });
  window.addEventListener("pageshow", count);
}
