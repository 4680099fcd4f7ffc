/* The lightbox while it is open: PhotoSwipe, our bars and panel, and the list that it goes along. */
import { Actions } from "./actions.js";
import { dressCompare } from "./compare.js";
import { isTyping, listenToKeys } from "./keys.js";
import { List } from "./list.js";
import { showNote } from "./notes.js";
import { Stage } from "./stage.js";
import { fetchPart, follow } from "./tiles.js";

const words = document.getElementById("lightbox").dataset;
// As in lightbox.css: beside the picture where there is room, else below it.
const NARROW_PX = 800;
const PANEL_PX = 380;
const PANEL_SHARE = 0.6;

let view = null;
let infoIsOpen = false;

/* What a page knows of a picture before the hub was asked. */
function itemOf(link) {
  const image = link.querySelector("img");
  const page = new URL(link.href).pathname;
  return {
    id: page.split("/").at(-1),
    page,
    file: `${page}/original`,
    thumb: image?.src,
    width: Number(image?.getAttribute("width")),
    height: Number(image?.getAttribute("height")),
    alt: image?.alt || link.getAttribute("aria-label") || link.textContent.trim(),
    marks: [],
  };
}

class View {
  #pswp;
  #list;
  #stage;
  #actions;
  #frame;
  #info;
  #field = "";
  #opener;
  #opened;
  #isInHistory = false;
  #isReady = false;
  #stepsToGo = 0;
  #said = "";

  constructor(PhotoSwipe, link) {
    const query = link.closest("[data-lightbox-list]")?.dataset.lightboxList ?? "";
    this.#opener = link;
    this.#list = new List(words.around, query, itemOf(link));
    this.#pswp = new PhotoSwipe({
      dataSource: this.#list.items,
      index: 0,
      mainClass: "lightbox",
      bgOpacity: 1,
      preload: [1, 2],
      loop: false,
      wheelToZoom: true,
      showHideAnimationType: "fade",
      showAnimationDuration: 120,
      hideAnimationDuration: 120,
      counter: false,
      zoom: false,
      close: false,
      tapAction: false,
      bgClickAction: false,
      returnFocus: false,
      // It takes the focus once it has opened, from a field too that somebody is writing in, unless a pointer opened it.
      initialPointerPos: { x: 0, y: 0 },
      arrowPrevTitle: words.previous,
      arrowNextTitle: words.next,
      errorMsg: words.failed,
      paddingFn: ({ x, y }) => (x > NARROW_PX
        ? { top: 56, bottom: 8, left: 0, right: infoIsOpen ? PANEL_PX : 0 }
        : { top: 56, bottom: infoIsOpen ? PANEL_SHARE * y : 64, left: 0, right: 0 }),
    });
    this.#stage = new Stage(this.#pswp);
    this.#actions = new Actions(words, (text, undo) => this.#toast(text, undo), (item) => this.#changed(item));
    this.#listen();
    this.#pswp.init();
  }

  get item() {
    return this.#list.items[this.#stage.index];
  }

  #listen() {
    const pswp = this.#pswp;
    this.#opened = new Promise((resolve) => { pswp.on("bindEvents", resolve); });
    pswp.addFilter("contentErrorElement", (element, content) => this.#explain(element, content.data));
    pswp.on("afterInit", () => this.#begin());
    pswp.on("change", () => this.#show());
    pswp.on("close", () => {
      if (this.#isInHistory) history.back();
      this.#isInHistory = false;
    });
    pswp.on("destroy", () => this.#end());
    // Whoever types into a field moves no picture.
    pswp.on("keydown", (event) => isTyping(event.originalEvent.target) && event.preventDefault());
  }

  async #begin() {
    this.#dress();
    history.pushState({ lightbox: true }, "", this.item.page);
    this.#isInHistory = true;
    this.#show();
    if (infoIsOpen) this.setInfo(true);
    try {
      this.#stage.shift(await this.#list.begin());
      this.#stage.fill();
    } catch {
      // The picture itself is there all the same.
    }
    await this.#opened;
    this.#isReady = true;
    if (this.#stepsToGo && !this.#pswp.isDestroying) this.#pswp.goTo(this.#stage.index + this.#stepsToGo);
  }

  /* PhotoSwipe hears no key before it has opened, nor an arrow before it knows a neighbour. Tells whether it is so. */
  stepLater(steps) {
    if (!this.#isReady) this.#stepsToGo += steps;
    return !this.#isReady;
  }

  /* Bars, panel and sheet stand inside PhotoSwipe's element, which keeps the focus to itself. */
  #dress() {
    const root = this.#pswp.element;
    root.append(document.getElementById("lightbox-frame").content.cloneNode(true));
    root.setAttribute("aria-modal", "true");
    root.focus();
    this.#frame = root;
    this.#info = root.querySelector(".info");
    root.addEventListener("click", (event) => this.#click(event));
    root.addEventListener("submit", (event) => this.#submit(event));
    // What lies over the picture scrolls; the wheel zooms the picture alone.
    root.addEventListener("wheel", stopOverPicture, { capture: true, passive: true });
    for (const part of root.querySelectorAll("[data-lightbox-needs]")) part.hidden = true;
  }

  #end() {
    view = null;
    const page = this.item?.page;
    const tile = page && document.querySelector(`a[data-lightbox][href="${CSS.escape(page)}"]`);
    (tile ?? this.#opener).focus();
  }

  /* Going back has left the picture's address already; a key has not. */
  close({ wentBack }) {
    if (wentBack) this.#isInHistory = false;
    this.#opened.then(() => this.#pswp.close());
  }

  /* The picture that is shown now: address, caption, buttons, and a word for who does not see it. */
  #show() {
    const { item } = this;
    if (!item || !this.#frame || this.#pswp.isDestroying) return;
    if (this.#isInHistory) history.replaceState({ lightbox: true }, "", item.page);
    this.#caption(item);
    if (this.#stage.index === this.#pswp.currIndex) this.#grow();
    if (infoIsOpen) this.#fetchInfo();
  }

  #caption(item) {
    const position = this.#list.positionOf(this.#stage.index);
    const place = position ? words.place.replace("{n}", position).replace("{count}", this.#list.count) : "";
    const set = (name, text) => {
      const part = this.#frame.querySelector(`[data-lightbox-${name}]`);
      part.textContent = text;
      part.hidden = !text;
    };
    set("camera", item.camera ?? item.alt);
    set("time", item.time ?? "");
    set("place", place);
    set("marks", item.marks.join(" · "));
    this.#frame.setAttribute("aria-label", item.alt);
    const said = [item.alt, place, ...item.marks].filter(Boolean).join(", ");
    if (said !== this.#said) this.#frame.querySelector("[data-lightbox-say]").textContent = said;
    this.#said = said;
    this.#buttons(item);
  }

  #buttons(item) {
    for (const part of this.#frame.querySelectorAll("[data-lightbox-needs=change]")) part.hidden = !item.may_change;
    const keep = this.#frame.querySelector("[data-do=keep]");
    keep.setAttribute("aria-pressed", String(Boolean(item.kept)));
    const download = this.#frame.querySelector("[data-do=download]");
    download.href = item.file;
    const show = this.#frame.querySelector("[data-do=show]");
    show.href = `${show.dataset.page}?capture=${item.id}`;
    show.hidden = !this.#list.mayShow;
  }

  async #grow() {
    const came = await this.#list.grow(this.#stage.index);
    if (!came.front && !came.behind) return;
    this.#stage.shift(came.front);
    this.#stage.fill();
  }

  #changed(item) {
    if (item === this.item) this.#buttons(item);
    this.#info.dataset.page = "";
    if (infoIsOpen) this.#fetchInfo();
  }

  /* Panel */
  setInfo(isOpen, field = "") {
    infoIsOpen = isOpen;
    this.#field = "";
    this.#info.toggleAttribute("data-open", isOpen);
    this.#info.inert = !isOpen;
    this.#frame.classList.toggle("lightbox--info", isOpen);
    this.#frame.querySelector("[data-do=info]").setAttribute("aria-expanded", String(isOpen));
    this.#pswp.updateSize(true);
    if (isOpen) this.#fetchInfo(field);
    else if (this.#info.contains(document.activeElement)) this.#frame.focus();
  }

  /* Several may be under way at once; where the focus goes is remembered until the field is there. */
  async #fetchInfo(field = "") {
    const { page } = this.item;
    const info = this.#info;
    this.#field = field || this.#field;
    if (info.dataset.page !== page) {
      info.dataset.page = page;
      info.setAttribute("aria-busy", "true");
      const html = await fetchPart(`${page}/panel`);
      if (info.dataset.page !== page) return;
      info.removeAttribute("aria-busy");
      if (isBeingWritten(info)) return;
      if (info.contains(document.activeElement)) this.#field ||= document.activeElement.name;
      if (html === null) info.textContent = words.failed;
      else info.innerHTML = html;
    }
    const wanted = this.#field && info.querySelector(`[name=${this.#field}]`);
    if (!wanted) return;
    this.#field = "";
    wanted.focus();
  }

  /* Deeds */
  do(what) {
    const { item } = this;
    const deeds = {
      close: () => this.close({ wentBack: false }),
      info: () => this.setInfo(!infoIsOpen),
      keys: () => this.#frame.querySelector("[data-lightbox-keys]").showModal(),
      in: () => this.#stage.zoom(1.5),
      out: () => this.#stage.zoom(1 / 1.5),
      fit: () => this.#stage.zoom(0),
      newest: () => this.#jump("newest"),
      oldest: () => this.#jump("oldest"),
      compare: () => this.#compare(),
      download: () => this.#frame.querySelector("[data-do=download]").click(),
      show: () => this.#list.mayShow && this.#frame.querySelector("[data-do=show]").click(),
    };
    const changes = {
      keep: () => this.#actions.keep(item),
      tag: () => this.setInfo(true, "tags"),
      note: () => this.setInfo(true, "note"),
      share: () => this.#actions.share(item),
      trash: () => this.#askFirst(() => this.#trash(item)),
    };
    if (item.may_change && changes[what]) changes[what]();
    else deeds[what]?.();
  }

  #click(event) {
    const { target } = event;
    const button = target.closest("[data-do]");
    if (button?.dataset.do === "download" || button?.dataset.do === "show") return this.#leave(button);
    if (button) return this.do(button.dataset.do);
    if (target.closest("[data-close-info]")) return this.setInfo(false);
    if (target.closest("[data-compare-close]")) {
      event.preventDefault();
      return this.closeOver();
    }
    const jump = target.closest("a[data-lightbox-jump]");
    if (jump && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      return this.#jump(jump.dataset.lightboxJump, jump.dataset.lightboxList);
    }
    const link = target.closest("a[href]");
    if (link) this.#leave(link);
  }

  /* Old addresses must not come back when a link leaves the page. */
  #leave(link) {
    if (!link.hasAttribute("download")) this.#isInHistory = false;
  }

  #submit(event) {
    const form = event.target;
    if (form.matches("[data-lightbox-labels]")) {
      event.preventDefault();
      // What is saved is no longer being written.
      for (const field of form.elements) field.defaultValue = field.value;
      this.#actions.label(this.item, Object.fromEntries(new FormData(form)));
    } else if (form.matches("[data-lightbox-share]")) {
      event.preventDefault();
      this.#actions.share(this.item, Object.fromEntries(new FormData(form)));
    } else if (form.matches("[data-compare-with]")) {
      event.preventDefault();
      this.#compare(new FormData(form).get("with"));
    }
  }

  async #jump(at, query) {
    try {
      const index = await this.#list.jump(at, query);
      this.#frame.querySelector(".compare-over")?.remove();
      this.#stage.reset(index);
    } catch {
      this.#toast(words.noAnswer);
    }
  }

  /* A hub without a trash deletes for good. */
  #askFirst(job) {
    const ask = this.#frame.querySelector("[data-lightbox-ask]");
    if (!ask) return job();
    ask.returnValue = "";
    ask.onclose = () => ask.returnValue === "yes" && job();
    ask.showModal();
  }

  async #trash(item) {
    const done = await this.#actions.trash(item);
    if (!done) return;
    const index = this.#list.items.indexOf(item);
    this.#list.remove(index);
    follow(item, true);
    if (this.#list.items.length) this.#stage.reset(Math.min(index, this.#list.items.length - 1));
    else this.#pswp.close();
    this.#toast(words.trashed, done.undo && (async () => {
      if (!(await this.#actions.restore(done))) return;
      follow(item, false);
      if (this.#pswp.isDestroying) return;
      this.#list.insert(Math.min(index, this.#list.items.length), item);
      this.#stage.reset(this.#list.items.indexOf(item));
    }));
  }

  async #compare(other = "previous") {
    const html = await fetchPart(`${this.item.page}/compare?with=${encodeURIComponent(other)}`);
    if (html === null) return this.#toast(words.noAnswer);
    this.#frame.querySelector(".compare-over")?.remove();
    const over = document.createElement("div");
    over.className = "compare-over";
    over.innerHTML = html;
    this.#frame.append(over);
    dressCompare(over);
    over.querySelector("input, select, button")?.focus();
  }

  /* Closes what lies over the picture. Tells whether there was anything. */
  closeOver() {
    const over = this.#frame.querySelector(".compare-over");
    if (over) {
      over.remove();
      this.#frame.focus();
      return true;
    }
    if (!infoIsOpen || !this.#info.contains(document.activeElement)) return false;
    this.setInfo(false);
    return true;
  }

  /* A picture that does not come says why: its file may be gone, or the hub, or the one of its machines that has it, is away. */
  #explain(element, item) {
    element.textContent = words.failed;
    fetch(item.file, { method: "HEAD" }).then(async (answer) => {
      if (answer.status === 404) element.textContent = words.missing;
      else if (answer.ok) element.textContent = words.broken;
      else if (answer.status === 503 && answer.headers.get("content-type")?.startsWith("text/plain")) {
        const why = await fetch(item.file);
        if (why.status === 503) element.textContent = await why.text();
      }
    }).catch(() => {});
    return element;
  }

  #toast(text, undo) {
    showNote(this.#frame.querySelector("[data-lightbox-toasts]"), text, undo && words.undo, () => {
      this.#frame.focus();
      undo();
    });
  }
}

/* What somebody has begun to write stays. */
function isBeingWritten(info) {
  const field = document.activeElement;
  return info.contains(field) && isTyping(field) && field.value !== field.defaultValue;
}

function stopOverPicture(event) {
  if (event.target.closest(".info, .compare-over, dialog")) event.stopPropagation();
}

listenToKeys(() => view);
window.addEventListener("popstate", () => view?.close({ wentBack: true }));

/* Opens the picture that this link leads to, unless one is open. */
export function open(PhotoSwipe, link) {
  view ??= new View(PhotoSwipe, link);
}
