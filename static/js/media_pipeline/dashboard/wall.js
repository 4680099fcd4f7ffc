/* The wall: many live pictures over one socket (docs/protocol.md, "The wall").
 *
 *   [data-wall] > [data-camera]   a screen: canvas, [data-word], [data-age], [data-fps], [data-rate], form[data-keep]
 *
 * Only screens that can be seen are asked for, and none while the page is hidden or paused: then the socket is closed.
 * Each frame that was drawn is answered with "seen", so the hub never sends more than this page can draw.
 */
const LIVE_AFTER_MS = 250;
const BACKOFF_FIRST_MS = 500;
const BACKOFF_LAST_MS = 15_000;
const FPS = [[1, 15], [4, 12], [9, 8], [16, 5], [36, 3]];
const wall = document.querySelector("[data-wall]");
const words = wall.dataset;
const inSight = new Set();
const heardAt_ms = new WeakMap();
const decoder = new TextDecoder();

let socket = null;
let backoff_ms = BACKOFF_FIRST_MS;
let retryTimer = 0;
let tellTimer = 0;
let paused = false;

function toast(text) {
  document.dispatchEvent(new CustomEvent("photohub:toast", { detail: { text } }));
}

function screens() {
  return [...wall.querySelectorAll("[data-camera]")];
}

function screenOf(code) {
  return document.getElementById(`screen-${code}`);
}

/* What is asked for */
function wanted() {
  return screens().filter((screen) => inSight.has(screen)).map((screen) => screen.dataset.camera);
}

function tellSoon() {
  clearTimeout(tellTimer);
  tellTimer = setTimeout(() => {
    if (socket?.readyState !== WebSocket.OPEN) return;
    const show = wanted();
    const fps = (FPS.find(([most]) => show.length <= most) ?? FPS.at(-1))[1];
    socket.send(JSON.stringify({ show, fps }));
  }, LIVE_AFTER_MS);
}

const sight = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (isIntersecting) inSight.add(target);
    else inSight.delete(target);
  }
  tellSoon();
});

/* The socket */
function connect() {
  clearTimeout(retryTimer);
  if (socket || paused || document.hidden) return;
  const line = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/wall/`);
  line.binaryType = "arraybuffer";
  socket = line;
  line.onopen = tellSoon;
  line.onmessage = ({ data }) => {
    backoff_ms = BACKOFF_FIRST_MS;
    if (typeof data === "string") hear(JSON.parse(data));
    else draw(line, data);
  };
  line.onclose = () => {
    if (line === socket) lose();
  };
}

function lose() {
  socket = null;
  setWords("wait");
  clearTimeout(retryTimer);
  retryTimer = setTimeout(connect, backoff_ms * (0.5 + Math.random()));
  backoff_ms = Math.min(backoff_ms * 2, BACKOFF_LAST_MS);
}

function hangUp(kind) {
  clearTimeout(retryTimer);
  const line = socket;
  socket = null;
  if (line) line.close();
  setWords(kind);
}

function setWords(kind) {
  for (const screen of screens()) setKind(screen, kind);
}

function setKind(screen, kind) {
  if (screen.dataset.kind === kind && screen.dataset.said) return;
  screen.dataset.kind = kind;
  screen.dataset.said = "yes";
  screen.querySelector("[data-word]").textContent = words[kind];
}

/* Frames */
async function draw(line, data) {
  const size = new DataView(data).getUint16(0);
  const facts = JSON.parse(decoder.decode(new Uint8Array(data, 2, size)));
  const screen = screenOf(facts.code);
  try {
    const picture = await createImageBitmap(new Blob([new Uint8Array(data, 2 + size)], { type: "image/jpeg" }));
    if (screen && line === socket) show(screen, picture, facts);
    else picture.close();
  } catch {
    // A frame that cannot be drawn is passed over; the next one comes all the same.
  }
  if (line.readyState === WebSocket.OPEN) line.send(JSON.stringify({ seen: facts.code }));
}

function show(screen, picture, { kind, age_s }) {
  const canvas = screen.querySelector("canvas");
  if (canvas.width !== picture.width || canvas.height !== picture.height) {
    canvas.width = picture.width;
    canvas.height = picture.height;
  }
  canvas.getContext("bitmaprenderer").transferFromImageBitmap(picture);
  if (age_s === null) heardAt_ms.delete(screen);
  else heardAt_ms.set(screen, performance.now() - age_s * 1000);
  setKind(screen, kind);
}

function write(screen, name, text) {
  const place = screen.querySelector(`[data-${name}]`);
  if (place.textContent !== text) place.textContent = text;
}

function tellAges() {
  if (document.hidden || paused) return;
  for (const screen of screens()) {
    const at_ms = heardAt_ms.get(screen);
    if (at_ms === undefined) continue;
    const age_s = (performance.now() - at_ms) / 1000;
    write(screen, "age", words.age.replace("{n}", age_s < 10 ? age_s.toFixed(1) : String(Math.round(age_s))));
  }
}

/* What the hub says besides */
function hear({ live, stats }) {
  if (live) for (const code of live) if (!screenOf(code)) add(code);
  if (!stats) return;
  for (const screen of screens()) {
    const figures = stats[screen.dataset.camera];
    write(screen, "fps", figures ? words.fps.replace("{n}", figures.fps.toFixed(1)) : "");
    write(screen, "rate", figures ? words.rate.replace("{n}", String(Math.round(figures.bytes_per_s / 1000))) : "");
  }
}

const adding = new Set();

/* A camera that begins to stream is put at the end, if it belongs here and there is room. */
async function add(code) {
  if (adding.has(code) || screens().length + adding.size >= Number(words.most)) return;
  adding.add(code);
  const answer = await fetch(`${words.screenUrl}${code}?group=${words.group}`).catch(() => null);
  if (answer?.ok && !answer.redirected && !screenOf(code)) {
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const screen = document.importNode(page.querySelector("[data-camera]"), true);
    wall.append(screen);
    document.querySelector(`[data-quiet="${CSS.escape(code)}"]`)?.remove();
    wall.dataset.columns = String(Math.max(1, Math.ceil(Math.sqrt(screens().length))));
    setKind(screen, "wait");
    sight.observe(screen);
  }
  // One that does not belong to this group is asked for no more; a failure is, with the next word of the hub.
  if (answer) return;
  adding.delete(code);
}

/* What people do */
function setPaused(value) {
  paused = value;
  const button = document.querySelector("[data-pause]");
  button.setAttribute("aria-pressed", String(paused));
  button.querySelector("span").textContent = paused ? button.dataset.off : button.dataset.on;
  if (paused) {
    hangUp("paused");
  } else {
    setWords("wait");
    connect();
  }
}

function enlarge(element) {
  if (document.fullscreenElement) document.exitFullscreen();
  else element.requestFullscreen?.().catch(() => {});
}

async function keep(form) {
  const answer = await fetch(form.action, {
    method: "POST", body: new FormData(form), redirect: "manual", headers: { Accept: "application/json" },
  }).catch(() => null);
  if (answer?.ok) toast(words.kept);
  else toast((await answer?.json().catch(() => null))?.des ?? JSON.parse(document.getElementById("words").textContent).no_answer);
}

function step(from, key) {
  const all = screens();
  const columns = getComputedStyle(wall).gridTemplateColumns.split(" ").length;
  const way = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[key];
  all[all.indexOf(from) + way]?.focus();
}

document.addEventListener("submit", (event) => {
  if (!event.target.matches("form[data-keep]")) return;
  event.preventDefault();
  keep(event.target);
});

document.addEventListener("click", ({ target }) => {
  if (target.closest("[data-pause]")) setPaused(!paused);
  else if (target.closest("[data-full]")) enlarge(wall);
  else if (target.closest("[data-enlarge]")) enlarge(target.closest("[data-camera]"));
});

wall.addEventListener("dblclick", ({ target }) => {
  const screen = target.closest("[data-camera]");
  if (screen && !target.closest("a, button")) enlarge(screen);
});

document.addEventListener("keydown", (event) => {
  const { target, key } = event;
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (target.matches("input, select, textarea")) return;
  const screen = target.closest("[data-camera]");
  const onControl = target.matches("a, button, summary");
  if (key.startsWith("Arrow")) {
    if (!screen && !target.matches("body")) return;
    event.preventDefault();
    if (screen) step(screen, key);
    else screens()[0]?.focus();
  } else if (key === " " && !onControl) {
    event.preventDefault();
    setPaused(!paused);
  } else if (key === "f") {
    enlarge(screen ?? wall);
  } else if (key === "k" && screen) {
    screen.querySelector("form[data-keep]")?.requestSubmit();
  } else if (key === "Enter" && screen && !onControl) {
    location.assign(screen.dataset.page);
  }
});

document.addEventListener("visibilitychange", () => {
  if (document.hidden) hangUp("paused");
  else if (!paused) {
    setWords("wait");
    connect();
  }
});
window.addEventListener("online", connect);
window.addEventListener("pagehide", () => hangUp("paused"));
window.addEventListener("pageshow", (event) => event.persisted && !paused && connect());

for (const screen of screens()) sight.observe(screen);
setWords("wait");
setInterval(tellAges, 500);
connect();
