/* The list that a picture was opened from, as far as it is known. Both ends grow when somebody comes near them.
 *
 * `items` is one array for as long as the lightbox is open, newest first: PhotoSwipe reads it. An item is what
 * `captures/around` tells of a picture, and what PhotoSwipe wants to know.
 */
const NEAR_END = 8;

/* A picture that was cut before it said its size gets a usual one until it is loaded. */
export function slideOf(item) {
  const isSized = item.width > 4;
  return {
    ...item,
    src: item.file,
    msrc: item.thumb,
    width: isSized ? item.width : 1280,
    height: isSized ? item.height : 960,
  };
}

export class List {
  items = [];
  moreNewer = false;
  moreOlder = false;
  count = null;
  mayShow = false;
  #url;
  #query;
  #first = null;
  #asking = { newer: false, older: false };

  constructor(url, query, item) {
    this.#url = url;
    this.#query = query;
    this.items.push(slideOf(item));
  }

  get query() {
    return this.#query;
  }

  /* Which picture of the list this is, from 1; null where the hub did not count. */
  positionOf(index) {
    const position = this.#first === null ? null : this.#first + index;
    return position > 0 && position <= this.count ? position : null;
  }

  /* Asks for the neighbours of the picture that was opened. Returns how many came in front of it. */
  async begin() {
    const answer = await this.#ask({ at: this.items[0].id });
    const index = answer.items.findIndex((item) => item.id === answer.at);
    Object.assign(this.items[0], slideOf(answer.items[index]));
    this.items.unshift(...answer.items.slice(0, index).map(slideOf));
    this.items.push(...answer.items.slice(index + 1).map(slideOf));
    this.#note(answer, index);
    return index;
  }

  /* Puts another place of the list, or of another list, in the place of this one. Returns the index of the picture. */
  async jump(at, query = this.#query) {
    const answer = await this.#ask({ at }, query);
    this.#query = query;
    this.items.splice(0, this.items.length, ...answer.items.map(slideOf));
    const index = this.items.findIndex((item) => item.id === answer.at);
    this.#note(answer, index);
    return index;
  }

  /* Asks for more where somebody is near an end. Returns how many came in front, and whether any came behind. */
  async grow(index) {
    const [newer, older] = await Promise.all([
      index < NEAR_END && this.moreNewer ? this.#more("newer") : [],
      this.items.length - index <= NEAR_END && this.moreOlder ? this.#more("older") : [],
    ]);
    this.items.unshift(...newer);
    this.items.push(...older);
    if (this.#first !== null) this.#first -= newer.length;
    return { front: newer.length, behind: older.length };
  }

  remove(index) {
    const [item] = this.items.splice(index, 1);
    if (this.count !== null) this.count -= 1;
    return item;
  }

  insert(index, item) {
    this.items.splice(index, 0, item);
    if (this.count !== null) this.count += 1;
  }

  async #more(side) {
    if (this.#asking[side]) return [];
    this.#asking[side] = true;
    const end = side === "newer" ? this.items[0] : this.items.at(-1);
    const query = this.#query;
    try {
      const answer = await this.#ask({ at: end.id, side });
      // Meanwhile somebody may have jumped elsewhere.
      const isSame = query === this.#query && end === (side === "newer" ? this.items[0] : this.items.at(-1));
      if (!isSame) return [];
      if (side === "newer") this.moreNewer = answer.more_newer;
      else this.moreOlder = answer.more_older;
      return answer.items.map(slideOf);
    } catch {
      return [];
    } finally {
      this.#asking[side] = false;
    }
  }

  #note(answer, index) {
    this.moreNewer = answer.more_newer;
    this.moreOlder = answer.more_older;
    this.count = answer.count;
    this.mayShow = answer.may_show;
    this.#first = answer.position === null ? null : answer.position - index;
  }

  async #ask(about, query = this.#query) {
    const wanted = new URLSearchParams(query);
    wanted.delete("cursor");
    for (const [name, value] of Object.entries(about)) wanted.set(name, value);
    const answer = await fetch(`${this.#url}?${wanted}`, { headers: { Accept: "application/json" } });
    if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
    return answer.json();
  }
}
