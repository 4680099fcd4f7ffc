/* What every page can do: theme, keyboard, relative times, copying, dialogs, confirmations, toasts, colour placeholders.
 *
 * Pages ask for it by attributes, so fragments that arrive later work without a call:
 *   [data-needs-js hidden]        shown once this module runs
 *   [data-colour="#aabbcc"]       background colour by CSSOM (style attributes are forbidden by the security policy)
 *   time[datetime][data-time=form] see times.js
 *   button[data-copy="id"]        copies the text of that element
 *   [data-dialog-open="id"]       opens that <dialog>; a click beside it closes it
 *   form[data-confirm="question"] asks first ([data-confirm-yes] names the button)
 *   details[data-menu]            closes on Escape and on a click elsewhere
 *   a[data-go=x]                  target of `g x`; `/` asks palette.js to open by `photohub:search`
 * Other modules show a toast by dispatching `photohub:toast` with detail {text} on document.
 */
import { updateTimes } from "./times.js";
import "./zone.js";

const root = document.documentElement;
const words = JSON.parse(document.getElementById("words").textContent);

/* Theme */
function setTheme(theme) {
  root.dataset.theme = theme;
  for (const button of document.querySelectorAll("[data-theme-switch] button")) {
    button.setAttribute("aria-pressed", String(button.value === theme));
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-theme-switch] button");
  if (!button) return;
  setTheme(button.value);
  document.cookie = `photohub_theme=${button.value}; path=/; max-age=31536000; samesite=lax`;
});

/* What has to happen to every element once, whether it came with the page or in a fragment. */
function dress(scope) {
  for (const element of within(scope, "[data-needs-js][hidden]")) element.hidden = false;
  for (const element of within(scope, "[data-colour]")) {
    const { colour } = element.dataset;
    // What has one already was only moved.
    if (/^#[0-9a-f]{3,8}$/i.test(colour) && !element.style.backgroundColor) element.style.backgroundColor = colour;
  }
}

/* The elements that fit, the scope itself among them: it may be the root of a fragment. */
function within(scope, selector) {
  const found = scope.querySelectorAll(selector);
  return scope instanceof Element && scope.matches(selector) ? [scope, ...found] : found;
}

// Only what came: a history has hundreds of tiles, of which some come and go with each screen.
new MutationObserver((changes) => {
  const came = changes.filter(({ target }) => target.nodeName !== "TIME").flatMap(({ addedNodes }) => [...addedNodes]);
  const elements = came.filter((node) => node instanceof HTMLElement && node.isConnected);
  if (!elements.length) return;
  for (const element of elements) dress(element);
  updateTimes();
}).observe(document.body, { childList: true, subtree: true });

/* Toasts */
function toast(text) {
  const note = document.createElement("p");
  note.className = "toast";
  note.textContent = text;
  document.getElementById("toasts").append(note);
  setTimeout(() => note.remove(), 3000 + text.length * 40);
}

document.addEventListener("photohub:toast", (event) => toast(event.detail.text));

/* Copying. Plain HTTP on a home network has no clipboard API, so the text is selected for the person instead. */
async function copyFrom(button) {
  const source = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.textContent.trim());
    button.dataset.done = "";
    setTimeout(() => delete button.dataset.done, 1500);
    toast(words.copied);
  } catch {
    getSelection().selectAllChildren(source);
    toast(document.execCommand("copy") ? words.copied : words.copy_failed);
  }
}

/* Dialogs and menus */
function openDialog(id) {
  const dialog = document.getElementById(id);
  if (dialog && !dialog.open) dialog.showModal();
}

function closeMenus(except) {
  for (const menu of document.querySelectorAll("details[data-menu][open]")) if (menu !== except) menu.open = false;
}

document.addEventListener("click", (event) => {
  const { target } = event;
  if (target.matches("dialog[open]")) target.close();
  closeMenus(target.closest("details[data-menu]"));
  const copy = target.closest("[data-copy]");
  if (copy) copyFrom(copy);
  const opener = target.closest("[data-dialog-open]");
  if (!opener) return;
  closeMenus();
  openDialog(opener.dataset.dialogOpen);
});

/* Confirmations run in the capture phase, before any other listener can send the form. */
const confirmDialog = document.getElementById("confirm");
const yes = confirmDialog.querySelector("[data-confirm-yes]");
const usualYes = yes.textContent;

document.addEventListener("submit", (event) => {
  const { target: form, submitter } = event;
  if (!form.dataset.confirm) return;
  if (form.dataset.confirmed) {
    delete form.dataset.confirmed;
    return;
  }
  event.preventDefault();
  event.stopImmediatePropagation();
  document.getElementById("confirm-title").textContent = form.dataset.confirm;
  yes.textContent = form.dataset.confirmYes || usualYes;
  confirmDialog.returnValue = "";
  confirmDialog.onclose = () => {
    if (confirmDialog.returnValue !== "yes") return;
    form.dataset.confirmed = "yes";
    form.requestSubmit(submitter);
  };
  confirmDialog.showModal();
}, true);

/* Keyboard */
let goUntil_ms = 0;

function isTyping(target) {
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.nodeName);
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") return closeMenus();
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (document.querySelector("dialog[open]")) return;
  const going = performance.now() < goUntil_ms;
  goUntil_ms = 0;
  if (going) {
    document.querySelector(`a[data-go="${CSS.escape(event.key)}"]`)?.click();
  } else if (event.key === "g") {
    goUntil_ms = performance.now() + 1000;
  } else if (event.key === "?") {
    openDialog("keys");
  } else if (event.key === "/") {
    event.preventDefault();
    document.dispatchEvent(new CustomEvent("photohub:search"));
  }
});

setTheme(root.dataset.theme);
dress(document);
updateTimes();
setInterval(updateTimes, 1000);
document.addEventListener("visibilitychange", updateTimes);
