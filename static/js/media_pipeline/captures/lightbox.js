/* Lightbox over every list of pictures: PhotoSwipe with our bars and panel. Without it the links open the picture's page.
 *
 *   [data-lightbox-list="?device=porch"] a[data-lightbox][href="/captures/<id>"]     which list the picture is of
 *
 * It goes on beyond what the page holds, in the order and with the filter of that list. The address is the picture's own
 * while it is shown, so it can be copied and reloaded; going back closes the lightbox.
 */
const words = document.getElementById("lightbox").dataset;

/* Its code, its library and its styles come when somebody is about to open it: a page's own pictures are not to wait for them. */
let parts = null;

function load() {
  const styles = [words.styleOfLibrary, words.styleOfPictures, words.styleOfLightbox];
  parts ??= Promise.all([import("./lightbox/view.js"), import(words.module), ...styles.map(addStyles)]);
  parts.catch(() => { parts = null; });
  return parts;
}

function addStyles(address) {
  return new Promise((resolve) => {
    const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: address });
    link.onload = resolve;
    link.onerror = resolve;
    document.head.append(link);
  });
}

for (const type of ["pointerover", "pointerdown", "focusin"]) {
  document.addEventListener(type, (event) => {
    if (event.target.closest?.("a[data-lightbox]")) load().catch(() => {});
  }, { passive: true });
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-lightbox]");
  if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  load().then(
    ([view, library]) => view.open(library.default, link),
    () => location.assign(link.href),
  );
});
