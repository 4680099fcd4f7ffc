/* Lightbox over Live and History: PhotoSwipe with our panel. Without it the links simply open the capture page.
 *
 * The address is the picture's own while it is shown, so it can be copied and reloaded; going back closes the lightbox.
 */
const words = document.getElementById("lightbox").dataset;
const { default: PhotoSwipeLightbox } = await import(words.lightboxModule);
const GALLERIES = ".wall, .feed__list, .history__main";
const INFO_ICON = '<svg aria-hidden="true" class="pswp__icn" viewBox="0 0 32 32" width="32" height="32"><path d="M16 5a11 11 0 1 0 0 22 11 11 0 0 0 0-22zm0 2a9 9 0 1 1 0 18 9 9 0 0 1 0-18zm-1 8v6h2v-6zm0-4v2h2v-2z"/></svg>';

let info = null;
let infoIsOpen = false;
let isInHistory = false;

const lightbox = new PhotoSwipeLightbox({
  gallery: GALLERIES,
  children: "a[data-lightbox]",
  pswpModule: () => import(words.coreModule),
  mainClass: "lightbox",
  bgOpacity: 1,
  preload: [1, 2],
  loop: false,
  showHideAnimationType: "fade",
  showAnimationDuration: 120,
  hideAnimationDuration: 120,
  closeTitle: words.close,
  zoomTitle: words.zoom,
  arrowPrevTitle: words.previous,
  arrowNextTitle: words.next,
  errorMsg: words.failed,
  paddingFn: (size) => ({ top: 56, bottom: 16, left: 0, right: infoIsOpen && size.x > 800 ? 380 : 0 }),
});

/* A picture that was cut before it said its size has the placeholder's 4 × 3. */
lightbox.addFilter("domItemData", (item, element, link) => {
  const image = link.querySelector("img");
  const width = Number(image?.getAttribute("width") ?? 4);
  const height = Number(image?.getAttribute("height") ?? 3);
  return Object.assign(item, {
    src: `${link.href}/original`,
    msrc: image?.src,
    alt: image?.alt || link.getAttribute("aria-label") || "",
    width: width > 4 ? width : 1280,
    height: width > 4 ? height : 960,
    page: link.href,
  });
});

async function showInfo() {
  const { page } = lightbox.pswp.currSlide.data;
  if (info.dataset.page === page) return;
  info.dataset.page = page;
  info.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(`${page}/panel`, { headers: { "HX-Request": "true" } });
    if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
    const html = await answer.text();
    if (info?.dataset.page === page) info.innerHTML = html;
  } catch {
    if (info) info.textContent = words.failed;
  }
  info?.removeAttribute("aria-busy");
}

function setInfo(isOpen) {
  infoIsOpen = isOpen;
  info.toggleAttribute("data-open", isOpen);
  lightbox.pswp.element.classList.toggle("lightbox--info", isOpen);
  lightbox.pswp.updateSize(true);
  if (isOpen) showInfo();
}

lightbox.on("uiRegister", () => {
  lightbox.pswp.ui.registerElement({
    name: "info",
    order: 9,
    isButton: true,
    title: words.info,
    html: INFO_ICON,
    onClick: () => setInfo(!infoIsOpen),
  });
});

// Inside PhotoSwipe's element, which keeps the focus to itself.
lightbox.on("afterInit", () => {
  info = document.createElement("aside");
  info.className = "info";
  info.setAttribute("aria-label", words.info);
  info.addEventListener("click", (event) => event.target.closest("[data-close-info]") && setInfo(false));
  // Old addresses must not come back when a link of the panel leaves the page.
  info.addEventListener("click", (event) => event.target.closest("a[href]") && (isInHistory = false));
  lightbox.pswp.element.append(info);
  history.pushState({ lightbox: true }, "", lightbox.pswp.currSlide.data.page);
  isInHistory = true;
  if (infoIsOpen) setInfo(true);
});

lightbox.on("change", () => {
  if (!isInHistory) return;
  history.replaceState({ lightbox: true }, "", lightbox.pswp.currSlide.data.page);
  if (infoIsOpen) showInfo();
});

lightbox.on("close", () => {
  if (isInHistory) history.back();
  isInHistory = false;
});

lightbox.on("destroy", () => {
  info = null;
});

window.addEventListener("popstate", () => {
  isInHistory = false;
  lightbox.pswp?.close();
});

document.addEventListener("keydown", (event) => {
  if (event.key === "i" && lightbox.pswp && !event.ctrlKey && !event.metaKey && !event.altKey) setInfo(!infoIsOpen);
});

lightbox.init();
