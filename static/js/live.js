/* The live line: one WebSocket that says what changed. It carries ids, never pictures; pages fetch what they show.
 *
 * Every event becomes a CustomEvent `photohub:<type>` on document, detail = the event. Three more are made here:
 *   photohub:hello  the line is up for the first time, and the page did not say by <html data-seq> up to which event it
 *                   is true, so what changed since it was made may be missing
 *   photohub:poll   nothing can be known event by event: refetch what is shown
 *   photohub:fresh  is listened to: a page that has just refetched says so, and the pill shows that time
 * <html data-live> is live, reconnecting or stale; the pill says it in words and never claims more than is known.
 */
import { forms } from "./times.js";

const EVENTS_URL = "/api/v1/events";
const BACKOFF_FIRST_MS = 500;
const BACKOFF_LAST_MS = 15_000;
const SILENCE_MS = 45_000;
const STALE_AFTER_MS = 5_000;
const POLL_MS = 15_000;
const GAP_MS = 1_000;
const GAP_TRIES = 70;
const AHEAD_AT_MOST = 1_000;

const root = document.documentElement;
const pill = document.getElementById("live-pill");
const words = JSON.parse(document.getElementById("words").textContent);

let socket = null;
let backoff_ms = BACKOFF_FIRST_MS;
let retryTimer = 0;
/* Everything up to lastSeq is known here; `ahead` holds what was told above a gap. An event's number is drawn before its
 * commit, so a smaller one may come after a larger one. */
let lastSeq = root.dataset.seq ? Number(root.dataset.seq) : null;
let ahead = new Set();
let gapTimer = 0;
let gapTries = 0;
let heardAt_ms = Date.now();
let lostAt_ms = Date.now();
let catching = Promise.resolve();
let hasBeenLive = false;

function tell(type, detail = {}) {
  document.dispatchEvent(new CustomEvent(`photohub:${type}`, { detail }));
}

function showState() {
  const isLive = socket?.readyState === WebSocket.OPEN && lastSeq !== null && lostAt_ms === 0;
  const state = isLive ? "live" : Date.now() - lostAt_ms < STALE_AFTER_MS ? "reconnecting" : "stale";
  const text = state === "stale" ? words.stale.replace("{time}", forms.time(new Date(heardAt_ms))) : words[state];
  root.dataset.live = state;
  hasBeenLive ||= isLive;
  // The first connection takes a moment, of which nobody needs to read.
  if (state === "reconnecting" && !hasBeenLive) return;
  pill.dataset.live = state;
  pill.dataset.state = { live: "live", reconnecting: "wait", stale: "warn" }[state];
  if (pill.firstElementChild.textContent !== text) pill.firstElementChild.textContent = text;
}

function tellOnce(event) {
  if (event.seq <= lastSeq || ahead.has(event.seq)) return;
  ahead.add(event.seq);
  tell(event.type, event);
}

/* Everything up to seq is known now. */
function knowUpTo(seq) {
  lastSeq = Math.max(lastSeq, seq);
  for (const known of ahead) if (known <= lastSeq) ahead.delete(known);
  while (ahead.delete(lastSeq + 1)) lastSeq += 1;
}

function startOver(seq) {
  clearTimeout(gapTimer);
  gapTries = 0;
  lastSeq = seq;
  ahead = new Set();
}

/* Asks for what was missed. When even that fails, pages are told to refetch everything. */
async function catchUp(upTo) {
  try {
    for (let before = -1; lastSeq < upTo && before < lastSeq; ) {
      before = lastSeq;
      const answer = await fetch(`${EVENTS_URL}?since=${lastSeq}`, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(String(answer.status));
      const { items, seq } = await answer.json();
      items.forEach(tellOnce);
      knowUpTo(seq);
    }
    if (lastSeq < upTo) waitForGap(upTo);
    else gapTries = 0;
  } catch {
    startOver(upTo);
    tell("poll");
  }
}

/* What is missing is being committed just now. It is asked for until it is there, but not for ever. */
function waitForGap(upTo) {
  clearTimeout(gapTimer);
  gapTries += 1;
  if (gapTries > GAP_TRIES || ahead.size > AHEAD_AT_MOST) {
    startOver(upTo);
    tell("poll");
    return;
  }
  gapTimer = setTimeout(() => {
    catching = catching.then(() => catchUp(upTo));
  }, GAP_MS);
}

/* Messages are handled one after the other, so that a gap is asked for once. */
function handle(message) {
  catching = catching.then(async () => {
    if (message.type === "hello") {
      lostAt_ms = 0;
      if (lastSeq === null) {
        startOver(message.seq);
        tell("hello");
      } else if (message.seq < lastSeq) {
        startOver(message.seq);
        tell("poll");
      } else {
        await catchUp(message.seq);
      }
    } else if (lastSeq !== null) {
      tellOnce(message);
      knowUpTo(lastSeq);
      if (message.seq > lastSeq) await catchUp(message.seq);
    }
    showState();
  });
}

function connect() {
  clearTimeout(retryTimer);
  hangUp();
  const line = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/live/`);
  socket = line;
  line.onmessage = ({ data }) => {
    heardAt_ms = Date.now();
    const message = JSON.parse(data);
    if (message.type === "ping") {
      // What happened since was not told: a notice may be lost.
      if (lastSeq !== null && message.seq > lastSeq) catching = catching.then(() => catchUp(message.seq));
      return;
    }
    backoff_ms = BACKOFF_FIRST_MS;
    handle(message);
  };
  line.onclose = () => {
    if (line === socket) lose();
  };
  showState();
}

/* Jitter keeps a hundred dashboards from knocking in the same instant after a restart. */
function lose() {
  socket = null;
  lostAt_ms ||= Date.now();
  showState();
  clearTimeout(retryTimer);
  retryTimer = setTimeout(connect, backoff_ms * (0.5 + Math.random()));
  backoff_ms = Math.min(backoff_ms * 2, BACKOFF_LAST_MS);
}

function hangUp() {
  const line = socket;
  socket = null;
  if (line) line.close();
}

function watch() {
  if (socket?.readyState === WebSocket.OPEN && Date.now() - heardAt_ms > SILENCE_MS) {
    hangUp();
    lose();
  }
  showState();
}

function wake() {
  if (document.hidden) return;
  watch();
  if (!socket) {
    backoff_ms = BACKOFF_FIRST_MS;
    connect();
  }
}

if (pill) {
  connect();
  setInterval(watch, 2_000);
  setInterval(() => {
    if (lostAt_ms && !document.hidden && Date.now() - lostAt_ms >= STALE_AFTER_MS) tell("poll");
  }, POLL_MS);
  document.addEventListener("visibilitychange", wake);
  window.addEventListener("online", wake);
  document.addEventListener("photohub:fresh", () => {
    heardAt_ms = Date.now();
    showState();
  });
  window.addEventListener("pagehide", () => {
    clearTimeout(retryTimer);
    hangUp();
    lostAt_ms ||= Date.now();
  });
  window.addEventListener("pageshow", (event) => event.persisted && connect());
}
