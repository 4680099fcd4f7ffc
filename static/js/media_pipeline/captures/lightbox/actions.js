/* What can be done with the picture that is shown. Everything is asked of the addresses that the pages' forms use. */
const csrf = JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];

async function post(url, fields) {
  const answer = await fetch(url, {
    method: "POST",
    body: fields instanceof FormData ? fields : new URLSearchParams(fields),
    headers: { "X-CSRFToken": csrf, Accept: "application/json" },
  });
  if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
  return answer.json();
}

export class Actions {
  #words;
  #toast;
  #changed;

  /* `toast(text, undo)` shows a note with a way back; `changed(item)` is called when an item is another than before. */
  constructor(words, toast, changed) {
    this.#words = words;
    this.#toast = toast;
    this.#changed = changed;
  }

  /* Runs something that is asked of the hub; where it fails, somebody is told, and nothing changes. */
  async #try(job) {
    try {
      return await job();
    } catch {
      this.#toast(this.#words.noAnswer);
      return null;
    }
  }

  keep(item, kept = !item.kept) {
    return this.#try(async () => {
      await post(`${item.page}/keep`, { kept: kept ? "yes" : "no" });
      item.kept = kept;
      this.#changed(item);
      this.#toast(kept ? this.#words.kept : this.#words.unkept, () => this.keep(item, !kept));
    });
  }

  label(item, fields) {
    const before = { note: item.note, tags: item.tags };
    return this.#try(async () => {
      Object.assign(item, await post(`${item.page}/labels`, fields));
      this.#changed(item);
      this.#toast(this.#words.saved, () => this.label(item, before));
    });
  }

  share(item, fields = { for: "1d" }) {
    return this.#try(async () => {
      const link = await post(this.#words.share, { capture: item.id, ...fields });
      this.#changed(item);
      const undo = () => this.#try(() => post(`${link.page}/revoke`, {}).then(() => this.#toast(this.#words.withdrawn)));
      if (await hand(link.url, item)) this.#toast(this.#words.linkReady, undo);
      else this.#toast(link.url, undo);
    });
  }

  /* Returns what the hub made of it, so that the list can follow. */
  trash(item) {
    return this.#try(async () => {
      const done = await post(this.#words.trash, { capture: item.id });
      if (!done.trashed) this.#toast(done.kept ? this.#words.keptStays : this.#words.noAnswer);
      return done.trashed ? done : null;
    });
  }

  restore(done) {
    return this.#try(() => post(this.#words.undoTrash, { undo: done.undo }));
  }
}

/* A phone asks where the link should go; elsewhere it is copied. Plain HTTP may do neither: then the link is shown. */
async function hand(url, item) {
  try {
    if (navigator.share && matchMedia("(pointer: coarse)").matches) {
      await navigator.share({ url, title: item.alt });
    } else {
      await navigator.clipboard.writeText(url);
    }
    return true;
  } catch (error) {
    return error.name === "AbortError";
  }
}
