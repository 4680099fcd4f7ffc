/* form[data-outlook]: says what the values would give, while they are changed. The form's own address answers with the page,
 * of which #outlook is shown. What is under way is given up for something newer, and when the form is sent.
 */
let asking = null;

async function ask(form) {
  asking?.abort();
  asking = new AbortController();
  const { signal } = asking;
  try {
    // A button may be called "action", and form.action be that button.
    const answer = await fetch(form.getAttribute("action"), {
      method: "POST", body: new FormData(form), signal, headers: { "HX-Request": "true" },
    });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("outlook");
    if (fresh && !signal.aborted) document.getElementById("outlook").replaceWith(fresh);
  } catch {
    // The outlook stays as it was; sending the form says what is wrong.
  }
}

for (const form of document.querySelectorAll("form[data-outlook]")) {
  form.addEventListener("change", () => ask(form));
  form.addEventListener("submit", () => asking?.abort());
}
