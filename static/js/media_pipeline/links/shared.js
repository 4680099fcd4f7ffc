/* The live view behind a shared link while its camera does not stream: the newest picture, fetched again and again. */
const EVERY_MS = 10_000;
const figure = document.querySelector("[data-newest]");

function fetchAgain() {
  if (document.hidden) return;
  const next = new Image();
  next.onload = () => { figure.querySelector("img").src = next.src; };
  // Where the link has ended the page says so.
  next.onerror = () => location.reload();
  next.src = `${figure.dataset.newest}?at=${Date.now()}`;
}

if (figure) setInterval(fetchAgain, EVERY_MS);
