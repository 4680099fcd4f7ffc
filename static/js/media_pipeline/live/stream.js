/* Live pictures: an image whose address is a stream that never ends.
 *
 *   img[data-stream="url"]      is connected while the page is seen, and again soon after the stream ended
 *   .card[data-stream="url"]    plays in place of its picture while pointed at, focused, or after a tap on its ribbon
 *
 * A hidden page lets go of its streams: each holds a connection, of which a browser has six for a hub.
 */
const AGAIN_MS = 3_000;
const timers = new WeakMap();

function connect(image) {
  clearTimeout(timers.get(image));
  if (document.hidden || !image.isConnected) return;
  // Another address each time, or the browser would show what it has of the stream that ended.
  image.src = `${image.dataset.stream}?v=${Date.now()}`;
}

function letGo(image) {
  clearTimeout(timers.get(image));
  image.removeAttribute("src");
}

function connectLater(image) {
  clearTimeout(timers.get(image));
  timers.set(image, setTimeout(() => connect(image), AGAIN_MS));
}

function play(card) {
  const picture = card.querySelector(".card__picture, .card__none");
  if (!picture || picture.querySelector(".card__live")) return;
  const image = document.createElement("img");
  image.className = "card__live";
  image.alt = "";
  image.dataset.stream = card.dataset.stream;
  image.addEventListener("error", () => image.remove(), { once: true });
  picture.append(image);
  connect(image);
}

function pause(card) {
  const image = card.querySelector(".card__live");
  if (!image) return;
  letGo(image);
  image.remove();
}

function pauseAllBut(kept) {
  for (const card of document.querySelectorAll(".card[data-stream]")) if (card !== kept) pause(card);
}

function cardAt(target) {
  return target instanceof Element ? target.closest(".card[data-stream]") : null;
}

for (const image of document.querySelectorAll("img[data-stream]")) {
  image.addEventListener("error", () => connectLater(image));
  connect(image);
}

document.addEventListener("pointerover", ({ target, pointerType }) => {
  if (pointerType === "touch") return;
  const card = cardAt(target);
  pauseAllBut(card);
  if (card) play(card);
});
document.addEventListener("focusin", ({ target }) => {
  const card = cardAt(target);
  pauseAllBut(card);
  if (card) play(card);
});
document.addEventListener("click", (event) => {
  const card = event.target instanceof Element && event.target.matches(".ribbon") ? cardAt(event.target) : null;
  if (!card || card.querySelector(".card__live")) return;
  event.preventDefault();
  pauseAllBut(card);
  play(card);
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) pauseAllBut(null);
  for (const image of document.querySelectorAll("img[data-stream]:not(.card__live)")) {
    if (document.hidden) letGo(image);
    else connect(image);
  }
});
window.addEventListener("pagehide", () => {
  for (const image of document.querySelectorAll("img[data-stream]")) letGo(image);
});
window.addEventListener("pageshow", (event) => {
  if (event.persisted) for (const image of document.querySelectorAll("img[data-stream]")) connect(image);
});
