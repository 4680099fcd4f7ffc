/* Names the back office's scrolling parts, before simplebar.js gives all of them one name. */
document.addEventListener("DOMContentLoaded", () => {
  const { tables, rows } = document.getElementById("main")?.dataset ?? {};
  for (const [number, part] of document.querySelectorAll("[data-simplebar]").entries()) {
    const name = part.closest("#nav-sidebar") ? tables : rows;
    if (name) part.dataset.simplebarAriaLabel = number > 1 ? `${name} ${number}` : name;
  }
});
