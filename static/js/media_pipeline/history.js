/* History: filters that apply at once, days that go on across pages, and an address that always names the place that is
 * looked at. Without it all of that still works by links, checkboxes and buttons.
 */
import "./history/scrubber.js";
import "./history/selection.js";
import { countAway } from "./history/windowing.js";

const main = document.querySelector(".history__main");
const filters = document.querySelector("[data-filters]");

/* Filters */
if (filters) {
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
    if (first) {
      first.querySelector(".photos").append(...day.querySelector(".photos").children);
      day.remove();
    }
    const kept = first ?? day;
    seen.set(kept.id, kept);
    kept.dataset.tiles = kept.querySelectorAll(".photo").length + countAway(kept);
  }
}

/* The address names the picture at the top, so that a reload, a bookmark or a way back leads here. Whoever stands at the
 * top has the address that he came by.
 */
const begun = location.href;
const page = location.pathname;
let pending = 0;

function topPicture() {
  const edge = 48;
  for (const day of main.querySelectorAll(".day")) {
    if (day.getBoundingClientRect().bottom < edge) continue;
    for (const photo of day.querySelectorAll(".photo")) {
      if (photo.getBoundingClientRect().bottom > edge) return photo;
    }
  }
  return null;
}

function notePlace() {
  pending = 0;
  if (location.pathname !== page || document.querySelector(".pswp")) return;
  const photo = main.querySelector(".days").getBoundingClientRect().top < 0 ? topPicture() : null;
  const url = new URL(photo ? location.href : begun);
  if (photo) {
    url.searchParams.delete("cursor");
    url.searchParams.delete("month");
    url.searchParams.set("at", photo.dataset.at);
  }
  if (url.href === location.href) return;
  // The next look begins with this picture at the top: where the browser would scroll to is another place.
  history.scrollRestoration = photo ? "manual" : "auto";
  history.replaceState(history.state, "", url);
  for (const field of document.querySelectorAll("[data-here]")) field.value = `${url.pathname}${url.search}`;
  document.dispatchEvent(new CustomEvent("photohub:place", { detail: { at: photo?.dataset.at ?? "" } }));
}

if (main?.querySelector(".days")) {
  joinDays();
  document.addEventListener("htmx:afterSwap", joinDays);
  window.addEventListener("scroll", () => {
    pending ||= setTimeout(notePlace, 250);
  }, { passive: true });
}
