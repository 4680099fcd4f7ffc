/* Of a history that goes on and on only the tiles around the window stay in the page; the place of the others is kept.
 *
 *   li.photos__away   stands for whole rows of tiles, as high as they were; they come back before it is seen
 *
 * Nothing is taken out while pictures are selected, and never what has the focus: a form and the keyboard need them there.
 */
const ENOUGH = 200;
const SCREENS_NEAR = 1.5;
const SCREENS_FAR = 2;
const REST_MS = 100;

const page = document.querySelector(".history");
const days = document.querySelector(".days");
const away = new Map();
let pending = 0;
let resting = 0;
let taken_ms = 0;
let width = 0;

function isSelecting() {
  return page.classList.contains("selecting");
}

function bringBack(place) {
  place.replaceWith(...away.get(place));
  away.delete(place);
}

function bringAllBack() {
  for (const place of [...away.keys()]) bringBack(place);
}

/* How many tiles of a day are away: its width depends on how many it has. */
export function countAway(day) {
  let count = 0;
  for (const [place, tiles] of away) if (day.contains(place)) count += tiles.length;
  return count;
}

function takeAway({ tiles, height }) {
  const place = document.createElement("li");
  place.className = "photos__away";
  place.ariaHidden = "true";
  place.style.blockSize = `${height}px`;
  tiles[0].before(place);
  for (const tile of tiles) tile.remove();
  away.set(place, tiles);
}

/* How many tiles stand side by side. */
function columnsOf(list) {
  const tiles = [...list.querySelectorAll(":scope > .photo")].slice(0, 16);
  const top = tiles[0]?.offsetTop;
  const second = tiles.findIndex((tile) => tile.offsetTop !== top);
  return second < 0 ? Math.max(tiles.length, 1) : second;
}

/* The rows of a day that stand in the page, each with its tiles. Of each row one is measured: they are as high as each other. */
function rowsOf(list) {
  const columns = columnsOf(list);
  const rows = [];
  for (const tile of list.children) {
    const last = rows.at(-1);
    if (!tile.matches(".photo")) rows.push(null);
    else if (last && last.tiles.length < columns) last.tiles.push(tile);
    else rows.push({ tiles: [tile] });
  }
  for (const row of rows) if (row) ({ top: row.top, bottom: row.bottom } = row.tiles[0].getBoundingClientRect());
  return rows;
}

/* Rows that follow each other, and are all beyond the edges. */
function farOf(list, top, bottom) {
  const box = list.getBoundingClientRect();
  if (box.top >= top && box.bottom <= bottom) return [];
  const groups = [];
  let last = null;
  for (const row of rowsOf(list)) {
    const isFar = row && (row.bottom < top || row.top > bottom) && !row.tiles.some((tile) => tile.contains(document.activeElement));
    if (!isFar) last = null;
    else if (last) last.push(row);
    else groups.push((last = [row]));
  }
  return groups.map((rows) => ({ tiles: rows.flatMap((row) => row.tiles), height: rows.at(-1).bottom - rows[0].top }));
}

function look() {
  pending = 0;
  if (isSelecting() || document.querySelector(".pswp")) return;
  const near = innerHeight * SCREENS_NEAR;
  for (const place of [...away.keys()]) {
    const box = place.getBoundingClientRect();
    if (box.bottom >= -near && box.top <= innerHeight + near) bringBack(place);
  }
  if (days.querySelectorAll(".photo").length <= ENOUGH) return;
  // To measure them all takes a part of a frame, which whoever scrolls on would see.
  const rested_ms = performance.now() - taken_ms;
  if (rested_ms < REST_MS) {
    resting ||= setTimeout(() => {
      resting = 0;
      soon();
    }, REST_MS - rested_ms);
    return;
  }
  taken_ms = performance.now();
  const far = innerHeight * SCREENS_FAR;
  const lists = [...days.querySelectorAll(".photos")];
  // The last row may not be full yet. All are measured before the first is taken out: after each change the browser
  // would have to lay the page out anew.
  lists.slice(0, -1).flatMap((list) => farOf(list, -far, innerHeight + far)).forEach(takeAway);
  if (lists.length) farOf(lists.at(-1), -far, Infinity).forEach(takeAway);
}

function soon() {
  pending ||= requestAnimationFrame(look);
}

if (days) {
  window.addEventListener("scroll", soon, { passive: true });
  document.addEventListener("htmx:afterSwap", soon);
  // Other widths make other rows.
  new ResizeObserver(() => {
    if (days.clientWidth === width) return;
    width = days.clientWidth;
    bringAllBack();
    soon();
  }).observe(days);
  // Whoever selects, or deletes a picture in the lightbox, may mean one that is away.
  new MutationObserver(() => isSelecting() && bringAllBack()).observe(page, { attributeFilter: ["class"] });
  document.addEventListener("photohub:trash", bringAllBack);
}
