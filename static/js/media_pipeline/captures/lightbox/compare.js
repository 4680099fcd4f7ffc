/* Two pictures over each other, with a slider between them. Without scripts they stand side by side.
 *
 *   [data-compare] > .compare__stage > img + img, input[type=range]
 */
export function dressCompare(scope) {
  for (const frame of scope.querySelectorAll("[data-compare]")) {
    const slider = frame.querySelector("input[type=range]");
    if (!slider) continue;
    const show = () => frame.style.setProperty("--split", String(slider.value / 100));
    slider.addEventListener("input", show);
    show();
  }
  for (const choice of scope.querySelectorAll("[data-compare-with]")) {
    choice.addEventListener("change", () => choice.requestSubmit());
  }
}
