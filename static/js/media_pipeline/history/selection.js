/* Selecting pictures: by click, Shift, drag, keys and long press. Without it checkboxes and buttons do the same.
 *
 * Keys, with the focus on a picture: arrows go to the next one, Space or x selects it, Shift with arrows selects on the way,
 * Escape ends selecting.
 */
const page = document.querySelector(".history");
const days = document.querySelector(".days");
const toggle = document.querySelector("[data-select]");
const bar = document.getElementById("selection");
const LONG_PRESS_MS = 450;
const MOVED_PX = 10;
let lastBox = null;

function boxes(scope = days) {
  return [...scope.querySelectorAll(".photo__pick > input")];
}

function isSelecting() {
  return page.classList.contains("selecting");
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

/* A run counts with all its pictures. */
function count() {
  let chosen = 0;
  for (const box of boxes()) if (box.checked) chosen += Number(box.closest(".photo").dataset.pictures ?? 1);
  const line = bar.querySelector(".selection__count");
  line.textContent = chosen === 1 ? line.dataset.one : line.dataset.many.replace("{n}", chosen);
  for (const button of bar.querySelectorAll("button:not([data-clear])")) button.disabled = chosen === 0;
  if (chosen && !isSelecting()) setSelecting(true);
}

/* With Shift everything between the last box and this one follows it. */
function pick(box, isRange) {
  const all = boxes();
  const [from, to] = [all.indexOf(lastBox), all.indexOf(box)].sort((a, b) => a - b);
  if (isRange && from >= 0) for (const one of all.slice(from, to + 1)) one.checked = box.checked;
  lastBox = box;
  count();
}

function turn(photo, isRange) {
  const box = photo.querySelector("input");
  box.checked = !box.checked;
  pick(box, isRange);
}

function onClick(event) {
  if (suppressed(event)) return;
  const day = event.target.closest("[data-pick-day]")?.closest(".day");
  if (day) {
    const own = boxes(day);
    const isOn = own.some((box) => !box.checked);
    for (const box of own) box.checked = isOn;
    count();
    return;
  }
  const photo = event.target.closest(".photo");
  if (photo && event.target.closest("a.photo__picture") && isSelecting()) {
    event.preventDefault();
    event.stopPropagation();
    turn(photo, event.shiftKey);
  } else if (event.target.matches(".photo__pick > input")) {
    pick(event.target, event.shiftKey);
  }
}

/* What a finger or a mouse began as a press or a drag must not end as a click. */
let swallowUntil_ms = 0;

function suppressed(event) {
  if (performance.now() > swallowUntil_ms) return false;
  swallowUntil_ms = 0;
  event.preventDefault();
  event.stopPropagation();
  return true;
}

/* Long press, by finger */
let press = null;

function onPointerDown(event) {
  const photo = event.target.closest(".photo");
  if (event.pointerType !== "mouse" && photo && event.target.closest("a.photo__picture")) {
    press = { x: event.clientX, y: event.clientY, timer: setTimeout(() => longPress(photo), LONG_PRESS_MS) };
  }
  if (event.pointerType === "mouse" && event.button === 0 && (isSelecting() || !photo)) startLasso(event);
}

function longPress(photo) {
  press = null;
  swallowUntil_ms = performance.now() + 1_500;
  turn(photo, false);
  navigator.vibrate?.(15);
}

function endPress(event) {
  if (!press || (event.type === "pointermove" && Math.hypot(event.clientX - press.x, event.clientY - press.y) < MOVED_PX)) return;
  clearTimeout(press.timer);
  press = null;
}

/* Drag, by mouse: a rectangle takes every picture that it touches. */
let lasso = null;

function startLasso(event) {
  if (event.target.closest("a:not(.photo__picture), button, input, label, summary")) return;
  lasso = { x: event.pageX, y: event.pageY, box: null, before: new Set(boxes().filter((one) => one.checked)) };
}

function moveLasso(event) {
  if (!lasso) return;
  if (!lasso.box) {
    if (Math.hypot(event.pageX - lasso.x, event.pageY - lasso.y) < MOVED_PX) return;
    lasso.box = document.createElement("div");
    lasso.box.className = "lasso";
    document.body.append(lasso.box);
    document.body.classList.add("is-dragging");
  }
  const [left, top] = [Math.min(lasso.x, event.pageX), Math.min(lasso.y, event.pageY)];
  const [width, height] = [Math.abs(event.pageX - lasso.x), Math.abs(event.pageY - lasso.y)];
  Object.assign(lasso.box.style, { left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px` });
  const area = lasso.box.getBoundingClientRect();
  for (const one of boxes()) {
    const tile = one.closest(".photo").getBoundingClientRect();
    const isIn = tile.left < area.right && tile.right > area.left && tile.top < area.bottom && tile.bottom > area.top;
    one.checked = isIn || lasso.before.has(one);
  }
  count();
  event.preventDefault();
}

function endLasso() {
  if (lasso?.box) {
    lasso.box.remove();
    document.body.classList.remove("is-dragging");
    swallowUntil_ms = performance.now() + 50;
  }
  lasso = null;
}

/* Keys */
function neighbour(photo, key) {
  const all = [...days.querySelectorAll(".photo")];
  const index = all.indexOf(photo);
  if (key === "ArrowLeft") return all[index - 1];
  if (key === "ArrowRight") return all[index + 1];
  const from = photo.getBoundingClientRect();
  const isDown = key === "ArrowDown";
  const later = isDown ? all.slice(index + 1) : all.slice(0, index).reverse();
  let best = null;
  for (const one of later) {
    const box = one.getBoundingClientRect();
    if (isDown ? box.top < from.bottom - 4 : box.bottom > from.top + 4) continue;
    if (best && Math.abs(box.top - best.box.top) > 4) break;
    const off = Math.abs(box.left - from.left);
    if (!best || off < best.off) best = { one, box, off };
  }
  return best?.one;
}

function onKey(event) {
  if (event.key === "Escape" && isSelecting() && !document.querySelector(".pswp, details[data-menu][open]")) return setSelecting(false);
  const photo = event.target.closest?.(".photo");
  if (!photo || event.ctrlKey || event.metaKey || event.altKey || document.querySelector(".pswp")) return;
  if (event.key.startsWith("Arrow")) {
    const next = neighbour(photo, event.key);
    if (!next) return;
    if (event.shiftKey) {
      for (const one of [photo, next]) one.querySelector("input").checked = true;
      lastBox = next.querySelector("input");
      count();
    }
    next.querySelector("a.photo__picture").focus();
  } else if (event.key === "x" || (event.key === " " && event.target.matches("a"))) {
    turn(photo, event.shiftKey);
  } else {
    return;
  }
  event.preventDefault();
}

if (days && bar && toggle) {
  toggle.disabled = false;
  // In the capture phase: while selecting, a click must not open the lightbox.
  days.addEventListener("click", onClick, true);
  days.addEventListener("pointerdown", onPointerDown);
  for (const type of ["pointermove", "pointerup", "pointercancel"]) days.addEventListener(type, endPress);
  days.addEventListener("contextmenu", (event) => performance.now() < swallowUntil_ms && event.preventDefault());
  days.addEventListener("dragstart", (event) => lasso && event.preventDefault());
  window.addEventListener("pointermove", moveLasso);
  window.addEventListener("pointerup", endLasso);
  document.addEventListener("keydown", onKey);
  toggle.addEventListener("click", () => setSelecting(!isSelecting()));
  bar.querySelector("[data-clear]").addEventListener("click", () => setSelecting(false));
  document.addEventListener("htmx:afterSwap", count);
  window.addEventListener("pageshow", count);
}
