/* The keys of the lightbox. They come before the page's own, which mean something else. */
const KEYS = {
  k: "keep", t: "tag", n: "note", s: "share", p: "show", d: "download", Delete: "trash", i: "info", c: "compare",
  "+": "in", "=": "in", "-": "out", 0: "fit", Home: "newest", End: "oldest", "?": "keys", Escape: "close",
};
const STEPS = { ArrowLeft: -1, ArrowRight: 1 };

export function isTyping(target) {
  return Boolean(target.matches?.("input:not([type=range]):not([type=checkbox]), textarea, select"));
}

/* `lightbox()` returns the lightbox that is open, or null. */
export function listenToKeys(lightbox) {
  window.addEventListener("keydown", (event) => {
    const view = lightbox();
    if (!view || event.ctrlKey || event.metaKey || event.altKey) return;
    // A sheet closes by itself, and only itself.
    if (document.querySelector(".pswp dialog[open]")) return event.stopPropagation();
    if (event.key === "Escape" && view.closeOver()) return event.stopPropagation();
    const isSlider = event.target.matches?.("input[type=range]");
    if (isTyping(event.target) || (isSlider && /^(Arrow|Home|End)/.test(event.key))) return event.stopPropagation();
    if (STEPS[event.key] && view.stepLater(STEPS[event.key])) {
      event.preventDefault();
      return event.stopPropagation();
    }
    if (event.key.length > 1 && !KEYS[event.key]) return;
    event.stopPropagation();
    if (!KEYS[event.key]) return;
    event.preventDefault();
    view.do(KEYS[event.key]);
  }, true);
}
