/* Showing pictures on panels: the preview follows what is chosen, and a picture can be dropped anywhere on the form.
 *
 *   form[data-preview]         is posted with act=preview when something changes; #preview is taken out of the answer
 *   [data-preview-button]      does the same by hand, and goes away here
 *   .drop > input[type=file]   shows the name of its file; what is dropped on the form goes into it
 *   form[data-panel-previews]  its img[data-preview-of] follow the profile and the caption
 *   [data-tell-state]          says to screen readers when the newest delivery comes to another state
 */
const TYPING_MS = 400;
const form = document.querySelector("form[data-preview]");
let timer = 0;
let asking = null;

function hasPicture() {
  if (!form.elements.source) return true;
  const source = form.elements.source.value;
  if (source === "file") return form.elements.file.files.length > 0 || Boolean(form.elements.kept?.value);
  if (source === "url") return form.elements.url.value.trim() !== "" && form.elements.url.checkValidity();
  return Boolean(form.querySelector('[name="capture"]:checked'));
}

/* A file that the hub has already is not sent again with every letter of the caption. */
function gather() {
  const data = new FormData(form);
  const file = form.elements.file?.files[0];
  if (file && form.elements.kept && form.dataset.keptOf === nameOf(file)) data.delete("file");
  data.set("act", "preview");
  return data;
}

function nameOf(file) {
  return file ? `${file.name}|${file.size}|${file.lastModified}` : "";
}

async function preview() {
  asking?.abort();
  if (!hasPicture()) return;
  const mine = new AbortController();
  asking = mine;
  const area = document.getElementById("preview");
  area.setAttribute("aria-busy", "true");
  const file = nameOf(form.elements.file?.files[0]);
  try {
    const answer = await fetch(form.action, { method: "POST", body: gather(), signal: mine.signal });
    if (answer.redirected) throw new Error("redirected");
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("preview");
    await fresh?.querySelector("img")?.decode?.().catch(() => {});
    if (!fresh || mine.signal.aborted) return;
    area.replaceChildren(...document.importNode(fresh, true).childNodes);
    form.dataset.keptOf = area.querySelector('[name="kept"]') ? file : "";
  } catch (error) {
    if (error.name !== "AbortError") area.dataset.failed = "";
  }
  if (asking === mine) area.removeAttribute("aria-busy");
}

function previewSoon(wait_ms) {
  clearTimeout(timer);
  timer = setTimeout(preview, wait_ms);
}

if (form) {
  const button = form.querySelector("[data-preview-button]");
  if (button) button.hidden = true;
  form.addEventListener("change", () => previewSoon(0));
  form.addEventListener("input", ({ target }) => {
    if (target.matches('[type="text"], [type="number"], :not([type])') && target.name !== "url") previewSoon(TYPING_MS);
  });
  // Sending waits for no preview.
  form.addEventListener("submit", () => {
    clearTimeout(timer);
    asking?.abort();
  });
  if (!form.querySelector("#preview img")) {
    if (form.elements.source) document.addEventListener("htmx:afterSettle", () => hasPicture() && previewSoon(0), { once: true });
  }
}

/* Dropping */
const drop = form?.querySelector(".drop");

function showFile() {
  const file = drop.querySelector("input").files[0];
  const words = drop.querySelector(".drop__words");
  words.dataset.words ??= words.textContent;
  if (file) words.lastChild.textContent = file.name;
}

if (drop) {
  drop.addEventListener("change", showFile);
  form.addEventListener("dragover", (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    form.classList.add("is-over");
  });
  form.addEventListener("dragleave", (event) => {
    if (!form.contains(event.relatedTarget)) form.classList.remove("is-over");
  });
  form.addEventListener("drop", (event) => {
    form.classList.remove("is-over");
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    form.querySelector('[name="source"][value="file"]').checked = true;
    drop.querySelector("input").files = event.dataTransfer.files;
    showFile();
    previewSoon(0);
  });
}

/* What a picture of the history would look like on each panel */
const choice = document.querySelector("form[data-panel-previews]");

function followChoice() {
  const { render, caption } = choice.elements;
  const capture = choice.querySelector('[name="capture"]').value;
  const asked = new URLSearchParams({ capture, render: render.value, caption: caption.value });
  for (const image of choice.querySelectorAll("[data-preview-of]")) image.src = `${image.dataset.previewOf}?${asked}`;
}

choice?.addEventListener("change", ({ target }) => target.name !== "panel" && followChoice());

/* What became of the newest picture, once for each state */
const teller = document.querySelector("[data-tell-state]");
let told = document.querySelector(".delivery")?.dataset.state;

document.addEventListener("photohub:fresh", () => {
  const newest = document.querySelector(".delivery");
  if (!teller || !newest || newest.dataset.state === told) return;
  told = newest.dataset.state;
  teller.textContent = newest.querySelector(".delivery__words").textContent.trim().replace(/\s+/g, " ");
});
