/* The palette: one field that finds pages, cameras, groups and tags, opened by `/`, Ctrl-K or [data-palette-open].
 *
 * The hub does the looking and answers with ready options (`[data-options-url]` + `&q=`), bounded to the reader's rights.
 * A combobox as ARIA describes it: the field keeps the focus, aria-activedescendant names the option.
 * Without JavaScript [data-palette-open] is a link to the page of results.
 */
const palette = document.getElementById("palette");
const field = palette.querySelector("[role=combobox]");
const list = palette.querySelector("[role=listbox]");
const count = palette.querySelector("[data-palette-count]");
const WAIT_MS = 120;
let waiting = 0;
let asked = 0;

const options = () => [...list.querySelectorAll("[role=option]")];
const chosen = () => list.querySelector('[aria-selected="true"]');

function choose(option) {
  chosen()?.setAttribute("aria-selected", "false");
  if (!option) return field.removeAttribute("aria-activedescendant");
  option.setAttribute("aria-selected", "true");
  field.setAttribute("aria-activedescendant", option.id);
  option.scrollIntoView({ block: "nearest" });
}

async function look() {
  const turn = ++asked;
  const url = new URL(list.dataset.optionsUrl, location.href);
  url.searchParams.set("q", field.value);
  const answer = await fetch(url, { headers: { Accept: "text/html" } }).catch(() => null);
  // What was typed meanwhile is asked for already.
  if (turn !== asked || !answer?.ok) return;
  list.innerHTML = await answer.text();
  count.textContent = String(options().length);
  choose(field.value.trim() ? options()[0] : null);
}

function open() {
  if (palette.open || document.querySelector("dialog[open]")) return;
  palette.showModal();
  field.select();
  look();
}

function move(step) {
  const all = options();
  if (!all.length) return;
  const at = all.indexOf(chosen());
  choose(all[at < 0 && step < 0 ? all.length - 1 : (at + step + all.length) % all.length]);
}

const KEYS = {
  ArrowDown: () => move(1),
  ArrowUp: () => move(-1),
  PageDown: () => move(5),
  PageUp: () => move(-5),
  // A search field would only empty itself.
  Escape: () => palette.close(),
};

field.addEventListener("keydown", (event) => {
  if (event.isComposing) return;
  if (KEYS[event.key]) {
    event.preventDefault();
    KEYS[event.key]();
  } else if (event.key === "Enter" && chosen()) {
    event.preventDefault();
    chosen().click();
  }
});

field.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(look, WAIT_MS);
});

list.addEventListener("pointermove", ({ target }) => {
  const option = target.closest("[role=option]");
  if (option && option !== chosen()) choose(option);
});

palette.querySelector("[data-dialog-close]").addEventListener("click", () => palette.close());

document.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey || !event.target.closest("[data-palette-open]")) return;
  event.preventDefault();
  open();
});

document.addEventListener("keydown", (event) => {
  const wanted = (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k";
  if (!wanted) return;
  event.preventDefault();
  open();
});

document.addEventListener("photohub:search", open);
