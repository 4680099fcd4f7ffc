/* Device pages: parts that follow the live line, the shutter, the code proposed from a name, the remembered language.
 *
 *   [data-refetch="url"][data-on="device.changed poll"]   fetched anew when such an event comes (of [data-device], if set)
 *   [data-refetch-part="#id"]  takes that part out of a whole page      [data-every-s="3"]  asks that often as well
 *   [data-while="[data-open]"] … only while the part holds such an element. A focused button with an id stays focused
 *   form[data-press]           is sent without leaving the page; what it changed comes with the next refetch
 *   select[data-submit]        sends its form when changed
 *   form[data-code-url] [data-names-code]   fills the placeholder of the empty code field
 *   input[data-snippet] → figure[data-snippet-of]   the language chosen last is chosen again
 */
const LANGUAGE_KEY = "photohub-snippet";
const TYPING_MS = 250;
const DECODE_MS = 4_000;
const LEAVING_MS = 10_000;
const words = JSON.parse(document.getElementById("words").textContent);
const running = new Map();
let asking = new AbortController();
let leaving = 0;

function tell(type, detail = {}) {
  document.dispatchEvent(new CustomEvent(`photohub:${type}`, { detail }));
}

/* A new picture is loaded before it is shown, so that nothing flickers. */
async function decodePictures(fresh) {
  const images = [...fresh.querySelectorAll("img")].filter((image) => image.loading !== "lazy");
  const decoded = Promise.allSettled(images.map((image) => {
    const copy = new Image();
    copy.src = image.src;
    return copy.decode();
  }));
  await Promise.race([decoded, new Promise((resolve) => setTimeout(resolve, DECODE_MS))]);
}

async function refetch(part) {
  if (leaving) return;
  const answer = await fetch(part.dataset.refetch, { headers: { "HX-Request": "true" }, signal: asking.signal });
  if (!answer.ok || answer.redirected) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = part.dataset.refetchPart ? page.querySelector(part.dataset.refetchPart) : page.body;
  if (!fresh || fresh.innerHTML === part.dataset.last) return;
  await decodePictures(fresh);
  part.dataset.last = fresh.innerHTML;
  if (part.contains(document.activeElement) && document.activeElement.matches("input, select, textarea")) return;
  const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
  part.replaceChildren(...document.importNode(fresh, true).childNodes);
  if (focused) document.getElementById(focused)?.focus();
  tell("fresh");
}

/* One request per part at a time; what comes meanwhile makes it run once more, so the last state wins. */
async function follow(part) {
  if (running.has(part)) {
    running.set(part, true);
    return;
  }
  do {
    running.set(part, false);
    await refetch(part).catch(() => {});
  } while (running.get(part));
  running.delete(part);
}

function isAbout(part, { device }) {
  return !part.dataset.device || !device || part.dataset.device === device;
}

for (const part of document.querySelectorAll("[data-refetch]")) {
  for (const type of part.dataset.on.split(" ")) {
    document.addEventListener(`photohub:${type}`, ({ detail }) => isAbout(part, detail) && follow(part));
  }
  const every_s = Number(part.dataset.everyS);
  const busy = part.dataset.while;
  if (every_s) setInterval(() => !document.hidden && (!busy || part.querySelector(busy)) && follow(part), every_s * 1000);
}

/* A form on its way may remove what this page shows, so nothing is asked about it; unless its answer turns out to be a file. */
function stay() {
  clearTimeout(leaving);
  leaving = 0;
  document.querySelectorAll("[data-refetch]").forEach(follow);
}

addEventListener("submit", ({ defaultPrevented }) => {
  if (defaultPrevented) return;
  asking.abort();
  asking = new AbortController();
  clearTimeout(leaving);
  leaving = setTimeout(stay, LEAVING_MS);
});

addEventListener("pageshow", ({ persisted }) => persisted && stay());

async function press(form) {
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const answer = await fetch(form.action, {
      method: "POST", body: new FormData(form), redirect: "manual", headers: { Accept: "application/json" },
    });
    if (!answer.ok) {
      const problem = await answer.json().catch(() => ({}));
      tell("toast", { text: problem.des ?? words.refused });
    }
  } catch {
    tell("toast", { text: words.no_answer });
  }
  button.disabled = false;
  const part = form.closest("[data-refetch]");
  if (part) follow(part);
}

document.addEventListener("submit", (event) => {
  if (!event.target.matches("form[data-press]")) return;
  event.preventDefault();
  press(event.target);
});

document.addEventListener("change", ({ target }) => {
  if (target.matches("select[data-submit]")) target.form.requestSubmit();
  if (target.matches("[data-snippet]")) localStorage.setItem(LANGUAGE_KEY, target.dataset.snippet);
});

const remembered = localStorage.getItem(LANGUAGE_KEY);
const choice = remembered && document.querySelector(`[data-snippet="${CSS.escape(remembered)}"]`);
if (choice) choice.checked = true;

let typing = 0;
document.addEventListener("input", ({ target }) => {
  const form = target.closest("form[data-code-url]");
  if (!form || !target.matches("[data-names-code]")) return;
  clearTimeout(typing);
  typing = setTimeout(async () => {
    const url = new URL(form.dataset.codeUrl, location.href);
    url.searchParams.set("name", target.value);
    const answer = await fetch(url).catch(() => null);
    if (answer?.ok) form.elements.code.placeholder = target.value.trim() ? await answer.text() : "";
  }, TYPING_MS);
});
