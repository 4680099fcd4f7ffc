/* The upload of an image: files may be dropped onto the form, and the page says how far they are.
 *
 *   form[data-upload]      is sent without leaving the page ([data-sending] with {percent}, [data-checking], [data-lost])
 *   [data-drop]            takes dropped files: a .json is the manifest, anything else the image
 *   [data-upload-state]    holds the progress bar and the words
 * Without this module the form is sent as any other.
 */
const JSON_NAME = /\.json$/i;

function put(input, file) {
  const list = new DataTransfer();
  list.items.add(file);
  input.files = list.files;
}

function take(form, files) {
  for (const file of files) put(form.elements[JSON_NAME.test(file.name) ? "manifest" : "file"], file);
}

function say(form, text, percent) {
  const state = form.querySelector("[data-upload-state]");
  const words = state.querySelector("p");
  state.hidden = false;
  if (words.textContent !== text) words.textContent = text;
  const bar = state.querySelector("progress");
  bar.hidden = percent === undefined;
  if (percent !== undefined) bar.value = percent;
}

/* The refused form comes back with its reasons; the files that were chosen stay chosen. */
function showAgain(form, html) {
  const fresh = new DOMParser().parseFromString(html, "text/html").querySelector("form[data-upload]");
  if (!fresh) return location.reload();
  const chosen = [form.elements.file.files, form.elements.manifest.files];
  form.replaceChildren(...document.importNode(fresh, true).childNodes);
  [form.elements.file.files, form.elements.manifest.files] = chosen;
  const wrong = form.querySelector("[aria-invalid=true]");
  if (wrong) wrong.focus();
  form.querySelector("[role=alert]")?.scrollIntoView({ block: "nearest" });
}

function fail(form) {
  form.querySelector("button.button--primary").disabled = false;
  say(form, form.dataset.lost);
}

function finish(form, request) {
  if (request.status === 201) {
    location.assign(JSON.parse(request.responseText).url);
  } else if (request.status === 422) {
    showAgain(form, request.responseText);
  } else {
    fail(form);
  }
}

function send(form) {
  const request = new XMLHttpRequest();
  request.open("POST", form.action);
  request.setRequestHeader("Accept", "application/json");
  request.upload.addEventListener("progress", ({ loaded, total }) => {
    const percent = Math.floor((100 * loaded) / total);
    say(form, form.dataset.sending.replace("{percent}", percent), percent);
  });
  request.upload.addEventListener("load", () => say(form, form.dataset.checking, 100));
  request.addEventListener("load", () => finish(form, request));
  request.addEventListener("error", () => fail(form));
  request.addEventListener("abort", () => fail(form));
  const body = new FormData(form);
  form.querySelector("button.button--primary").disabled = true;
  request.send(body);
}

document.addEventListener("submit", (event) => {
  if (!event.target.matches("form[data-upload]")) return;
  event.preventDefault();
  send(event.target);
});

for (const type of ["dragenter", "dragover", "dragleave", "drop"]) {
  document.addEventListener(type, (event) => {
    const form = document.querySelector("form[data-upload]");
    if (!form || !event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    const isOver = type === "dragover" || type === "dragenter" || (type === "dragleave" && event.relatedTarget);
    form.querySelector("[data-drop]").toggleAttribute("data-over", Boolean(isOver));
    if (type === "drop") take(form, event.dataTransfer.files);
  });
}
