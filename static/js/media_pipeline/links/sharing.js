/* The system's own sheet for sending a link, where there is one: on phones, and only over HTTPS. */
for (const button of document.querySelectorAll("[data-send]")) {
  if (!navigator.share) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.share({ url: button.dataset.send, title: document.title });
    } catch (error) {
      // Closing the sheet is no failure.
      if (error.name !== "AbortError") document.querySelector("[data-copy]")?.click();
    }
  });
}
