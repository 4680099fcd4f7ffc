/* The page's tiles, while a picture goes or comes back in the lightbox over them.
 *
 *   [data-capture="<id>"]                                              the tile of a picture
 *   [data-folded="<address>"][data-camera][data-since][data-until]     that of a run, which is asked for anew
 *
 * Other scripts hear of it by `photohub:trash`.
 */
export async function fetchPart(url) {
  try {
    const answer = await fetch(url, { headers: { "HX-Request": "true" } });
    return answer.ok && !answer.redirected ? await answer.text() : null;
  } catch {
    return null;
  }
}

function runOf({ code, at }) {
  const isIn = ({ camera, since, until }) =>
    camera === code && Date.parse(since) <= Date.parse(at) && Date.parse(at) <= Date.parse(until);
  return [...document.querySelectorAll("[data-folded]")].find(({ dataset }) => isIn(dataset));
}

/* The place of a run keeps what it stood for at first, so that an undone picture comes back into it. */
async function refold(tile) {
  const mixed = tile.querySelector(".photo__camera") ? "&mixed=yes" : "";
  const html = await fetchPart(tile.dataset.folded + mixed);
  if (html === null || !tile.isConnected) return;
  const template = document.createElement("template");
  template.innerHTML = html;
  const fresh = template.content.firstElementChild;
  tile.hidden = !fresh;
  if (!fresh) return;
  const { camera, since, until, folded } = tile.dataset;
  Object.assign(fresh.dataset, { camera, since, until, folded });
  tile.replaceWith(fresh);
  window.htmx?.process(fresh);
}

export function follow(item, isGone) {
  document.dispatchEvent(new CustomEvent("photohub:trash", { detail: { id: item.id, isGone } }));
  const run = runOf(item);
  if (run) return refold(run);
  for (const tile of document.querySelectorAll(`[data-capture="${CSS.escape(item.id)}"]`)) tile.hidden = isGone;
}
