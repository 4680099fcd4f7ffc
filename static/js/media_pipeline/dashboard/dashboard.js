/* The Live page: refetches what an event names, swaps it without a flicker, and presses the shutter in place. */
const MAX_TILES = 200;
const PRELOAD_MS = 4_000;
const LIT_MS = 1_000;
const HELD_LOOK_MS = 50;

const board = document.querySelector("[data-dashboard]");
const words = JSON.parse(document.getElementById("words").textContent);
const startedAt_ms = new WeakMap();
const asides = new Map();

function tell(type, detail = {}) {
  document.dispatchEvent(new CustomEvent(`photohub:${type}`, { detail }));
}

function parse(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}

function cardOf(code) {
  return document.getElementById(`card-${code}`);
}

/* Runs at most one job per key; a call that comes meanwhile makes it run once more, so the last state always wins. */
async function once(key, job) {
  if (asides.has(key)) {
    asides.set(key, true);
    return;
  }
  do {
    asides.set(key, false);
    try {
      await job();
    } catch {
      asides.set(key, false);
    }
  } while (asides.get(key));
  asides.delete(key);
}

/* A card */
async function swapCard(old, fresh) {
  const src = fresh.querySelector(".card__picture > img")?.src;
  if (src && src !== old.querySelector(".card__picture > img")?.src) {
    const image = new Image();
    image.src = src;
    const decoded = image.decode().catch(() => {});
    await Promise.race([decoded, new Promise((resolve) => setTimeout(resolve, PRELOAD_MS))]);
  }
  await released(old.dataset.device);
  const current = cardOf(old.dataset.device);
  if (!current) return;
  const isNew = fresh.dataset.capture && fresh.dataset.capture !== current.dataset.capture;
  const isSame = fresh.dataset.command && fresh.dataset.commandId === current.dataset.commandId;
  const elapsed = current.querySelector(".card__elapsed");
  const focus = current.contains(document.activeElement) ? document.activeElement.className : "";
  current.replaceWith(fresh);
  const counter = fresh.querySelector(".card__elapsed");
  const isContinued = isSame || !current.dataset.commandId;
  if (counter && isContinued && startedAt_ms.has(elapsed)) startedAt_ms.set(counter, startedAt_ms.get(elapsed));
  if (focus) (fresh.getElementsByClassName(focus)[0] ?? fresh.querySelector("button, a"))?.focus();
  if (isNew) light(fresh);
}

/* A card under a pressed finger or button stays until that is up: the press would go to nobody. */
let held = null;

async function released(code) {
  while (held && held === cardOf(code)) await new Promise((resolve) => setTimeout(resolve, HELD_LOOK_MS));
}

function watchPresses() {
  addEventListener("pointerdown", ({ target }) => (held = target.closest?.(".card") ?? null));
  for (const end of ["pointerup", "pointercancel", "blur"]) addEventListener(end, () => setTimeout(() => (held = null)));
}

function light(card) {
  card.classList.add("card--lit");
  setTimeout(() => card.classList.remove("card--lit"), LIT_MS);
}

function refetchCard(code) {
  return once(code, async () => {
    const answer = await fetch(`${board.dataset.cards}${encodeURIComponent(code)}${location.search}`, {
      headers: { "HX-Request": "true" },
    });
    if (answer.status === 404 || answer.status === 204) cardOf(code)?.remove();
    if (answer.status !== 200 || answer.redirected) return;
    const fresh = parse(await answer.text()).querySelector("article.card");
    if (fresh) await showCard(fresh);
  });
}

/* The feed. While somebody reads further down, new tiles wait behind a chip instead of pushing the page about. */
const list = document.getElementById("feed");
const chip = document.querySelector(".feed__new");
const waiting = document.createDocumentFragment();

function isReading() {
  return list.scrollTop > 8 || list.getBoundingClientRect().top < 0;
}

function showWaiting() {
  const count = waiting.childElementCount;
  chip.hidden = count === 0;
  chip.textContent = count === 1 ? words.new_one : words.new_many.replace("{n}", count);
}

function release() {
  for (const tile of waiting.children) tile.classList.add("tile--new");
  list.prepend(waiting);
  while (list.childElementCount > MAX_TILES) list.lastElementChild.remove();
  showWaiting();
}

function firstTile() {
  return waiting.firstElementChild ?? list.firstElementChild;
}

/* A run of like pictures that grew comes again as one tile; those that stood for parts of it go. */
function dropParts(fresh) {
  const { camera, since, until } = fresh.dataset;
  for (const box of [waiting, list]) {
    for (const old of [...box.children]) {
      const isPart = old.dataset.camera === camera && old.dataset.until >= since && old.dataset.until <= until;
      if (isPart && old !== fresh) old.remove();
    }
  }
}

function putInOrder(fresh) {
  dropParts(fresh);
  list.insertBefore(fresh, [...list.children].find((tile) => tile.dataset.until < fresh.dataset.until) ?? null);
}

function stands({ capture, since }) {
  const same = `[data-capture="${CSS.escape(capture)}"][data-since="${CSS.escape(since)}"]`;
  return [waiting, list].some((box) => box.querySelector(same));
}

function refetchFeed() {
  return once(" feed", async () => {
    const query = new URLSearchParams(location.search);
    const { capture: after, until: known = "" } = firstTile()?.dataset ?? {};
    if (after) query.set("after", after);
    const answer = await fetch(`${board.dataset.feed}?${query}`, { headers: { "HX-Request": "true" } });
    if (!answer.ok || answer.redirected) return;
    const tiles = [...parse(await answer.text()).querySelectorAll("li.tile")].filter(({ dataset }) => !stands(dataset));
    const isNew = ({ dataset }) => !known || dataset.until >= known;
    // Of what is further down nothing is folded while somebody reads it.
    if (!isReading()) for (const tile of tiles.filter((each) => !isNew(each))) putInOrder(tile);
    waiting.prepend(...tiles.filter(isNew));
    for (const tile of tiles.filter(isNew)) dropParts(tile);
    while (waiting.childElementCount > MAX_TILES) waiting.lastElementChild.remove();
    if (isReading()) showWaiting();
    else release();
  });
}

/* What the lightbox deleted or brought back stood in a tile, perhaps of several like pictures. */
function reloadFeed() {
  return once(" feed again", async () => {
    const answer = await fetch(`${board.dataset.feed}${location.search}`, { headers: { "HX-Request": "true" } });
    if (!answer.ok || answer.redirected) return;
    waiting.replaceChildren();
    list.replaceChildren(...parse(await answer.text()).querySelectorAll("li.tile"));
    showWaiting();
  });
}

/* Everything, from the page itself, for a line that is down. What somebody scrolled to comes in further pieces. */
function refetchAll() {
  return once(" page", async () => {
    let url = location.href;
    for (let left = document.querySelectorAll("article.card").length; url && left > 0; ) {
      const answer = await fetch(url, { headers: { Accept: "text/html" } });
      if (!answer.ok || answer.redirected) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const cards = page.querySelectorAll("article.card");
      for (const fresh of cards) await showCard(document.importNode(fresh, true));
      left -= cards.length;
      url = cards.length ? page.querySelector(".wall__more > a")?.href : "";
    }
    await refetchFeed();
    tell("fresh");
  });
}

/* A camera that has just been added. Where more wait below, it is one of them: nothing shifts under a hand. */
async function showCard(fresh) {
  const old = cardOf(fresh.dataset.device);
  if (old) await swapCard(old, fresh);
  else if (!document.querySelector(".wall__more")) document.querySelector(".wall").append(fresh);
}

function dropRepeats() {
  const shown = new Set();
  for (const card of document.querySelectorAll("article.card")) {
    if (shown.has(card.id)) card.remove();
    shown.add(card.id);
  }
}

function onDevice({ detail: { device } }) {
  if (cardOf(device) || !document.querySelector(".wall__more")) return refetchCard(device);
}

/* The shutter */
function showAsked(card) {
  const line = document.createElement("p");
  line.className = "card__progress";
  line.setAttribute("role", "status");
  line.innerHTML = '<span class="beads" aria-hidden="true"><i></i><i></i><i></i></span><span class="card__stage"></span><span class="card__elapsed"></span>';
  line.querySelector(".card__stage").textContent = words.queued;
  card.dataset.command = "queued";
  delete card.dataset.commandId;
  card.querySelector(".card__fail")?.remove();
  card.querySelector(".card__facts, .card__progress").replaceWith(line);
  const shutter = card.querySelector(".shutter");
  shutter?.setAttribute("aria-disabled", "true");
}

/* Answers whether the server took it. A redirect is what a browser without scripts gets, and means yes. */
async function send(form) {
  try {
    const answer = await fetch(form.action, {
      method: "POST", body: new FormData(form), redirect: "manual", headers: { "HX-Request": "true" },
    });
    if (answer.type === "opaqueredirect") return true;
    const told = answer.headers.get("content-type")?.includes("json") ? await answer.json() : {};
    if (told.des || !answer.ok) tell("toast", { text: told.des ?? words.refused });
    if (answer.ok) return true;
  } catch {
    tell("toast", { text: words.no_answer });
  }
  return false;
}

async function press(form) {
  const card = form.closest(".card");
  const shutter = form.querySelector(".shutter");
  if (shutter?.dataset.deaf) return tell("toast", { text: shutter.dataset.deaf });
  if (shutter?.getAttribute("aria-disabled") === "true") return;
  const before = card.cloneNode(true);
  showAsked(card);
  if (await send(form)) return refetchCard(card.dataset.device);
  card.isConnected && card.replaceWith(before);
}

/* Puts away how the last order ended. */
async function dismiss(form) {
  const card = form.closest(".card");
  if (await send(form)) return refetchCard(card.dataset.device);
}

async function pressAll(form, button) {
  button.disabled = true;
  if (await send(form)) await refetchAll();
  button.disabled = false;
}

/* Tenths are counted here, from what the server said had passed, so that two clocks need not agree. */
function count() {
  for (const element of document.querySelectorAll(".card__elapsed")) {
    if (!startedAt_ms.has(element)) {
      startedAt_ms.set(element, performance.now() - Number(element.dataset.elapsed ?? 0) * 1000);
    }
    const elapsed_s = (performance.now() - startedAt_ms.get(element)) / 1000;
    element.textContent = elapsed_s < 60 ? `${elapsed_s.toFixed(1)} s` : `${Math.floor(elapsed_s / 60)} min`;
  }
}

if (board) {
  document.addEventListener("photohub:capture.created", (event) => {
    onDevice(event);
    refetchFeed();
  });
  document.addEventListener("photohub:trash", reloadFeed);
  document.addEventListener("photohub:command.changed", onDevice);
  document.addEventListener("photohub:device.changed", onDevice);
  document.addEventListener("htmx:afterSwap", dropRepeats);
  document.addEventListener("photohub:poll", refetchAll);
  document.addEventListener("photohub:hello", refetchAll);
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("[data-shutter], [data-dismiss], [data-capture-all]")) return;
    event.preventDefault();
    if (form.matches("[data-shutter]")) press(form);
    else if (form.matches("[data-dismiss]")) dismiss(form);
    else pressAll(form, event.submitter);
  });
  watchPresses();
  chip.addEventListener("click", () => {
    release();
    list.scrollTop = 0;
    if (list.getBoundingClientRect().top < 0) list.closest(".feed").scrollIntoView();
  });
  list.addEventListener("scroll", () => !isReading() && waiting.childElementCount && release(), { passive: true });
  setInterval(count, 100);
}
