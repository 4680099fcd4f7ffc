/* The live view behind a shared link. While its camera does not stream: the newest picture, fetched again and again.
 * While too many people watch: a word about it, and another try.
 */
const EVERY_MS = 10_000;
const figure = document.querySelector("[data-newest]");
const live = document.querySelector("[data-live]");

function fetchAgain() {
  if (document.hidden) return;
  const next = new Image();
  next.onload = () => { figure.querySelector("img").src = next.src; };
  // Where the link has ended the page says so.
  next.onerror = () => location.reload();
  next.src = `${figure.dataset.newest}?at=${Date.now()}`;
}

async function findOut() {
  const answer = await fetch(live.dataset.live, { method: "HEAD" }).catch(() => null);
  const isFull = answer?.status === 503;
  live.hidden = isFull;
  document.querySelector("[data-full]").hidden = !isFull;
  if (isFull) setTimeout(findOut, EVERY_MS);
  else if (answer?.ok) live.querySelector("img").src = `${live.dataset.live}?at=${Date.now()}`;
}

if (figure) setInterval(fetchAgain, EVERY_MS);
if (live) {
  const image = live.querySelector("img");
  image.addEventListener("error", () => setTimeout(findOut, 1_000));
  // It may have failed before this script was here.
  if (image.complete && !image.naturalWidth) findOut();
}
