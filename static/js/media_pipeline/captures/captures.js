/* Capture page: the arrow keys go to the neighbours. */

const KEYS = { ArrowLeft: "prev", ArrowRight: "next" };

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || document.querySelector("dialog[open]")) return;
  if (/^(INPUT|TEXTAREA|SELECT)$/.test(event.target.nodeName)) return;
  if (KEYS[event.key]) document.querySelector(`.neighbours a[rel="${KEYS[event.key]}"]`)?.click();
});
