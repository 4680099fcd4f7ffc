/* What PhotoSwipe does not do by itself: fill the screen with small pictures, and go on when its list changes. */

/* Small pictures are made as large as large ones. `fit` is where arrows stop to pan and pinching springs back to. */
function fillScreen({ zoomLevels }) {
  const { panAreaSize, elementSize } = zoomLevels;
  const fit = Math.min(panAreaSize.x / elementSize.x, panAreaSize.y / elementSize.y);
  zoomLevels.fit = zoomLevels.min = zoomLevels.initial = fit;
  zoomLevels.secondary = Math.max(2.5 * fit, 1);
  zoomLevels.max = Math.max(8 * fit, 4);
}

/* The file knows its size better than the row: some files say how they want to be turned, some were cut very early. */
function takeSize({ content }) {
  const { naturalWidth: width, naturalHeight: height } = content.element ?? {};
  if (!width || (width === content.width && height === content.height)) return;
  Object.assign(content.data, { width, height });
  Object.assign(content, { width, height });
  if (!content.slide) return;
  Object.assign(content.slide, { width, height });
  content.slide.resize();
}

export class Stage {
  #pswp;

  constructor(pswp) {
    this.#pswp = pswp;
    pswp.on("zoomLevelsUpdate", fillScreen);
    pswp.on("loadComplete", takeSize);
  }

  get index() {
    return this.#pswp.potentialIndex;
  }

  /* So many pictures came in front of all others. */
  shift(count) {
    const pswp = this.#pswp;
    const contents = new Set(pswp.contentLoader._cachedItems);
    pswp.currIndex += count;
    pswp.potentialIndex += count;
    for (const { slide } of pswp.mainScroll.itemHolders) {
      if (!slide) continue;
      slide.index += count;
      contents.add(slide.content);
    }
    for (const content of contents) content.index += count;
  }

  /* Shows neighbours that came since the picture was opened. */
  fill() {
    const pswp = this.#pswp;
    if (pswp.opener.isOpen && !pswp.isDestroying) {
      const [before, , after] = pswp.mainScroll.itemHolders;
      pswp.setContent(before, pswp.currIndex - 1);
      pswp.setContent(after, pswp.currIndex + 1);
      pswp.appendHeavy();
      pswp.contentLoader.updateLazy();
    }
    pswp.dispatch("change");
  }

  /* Shows this picture of a list in which nothing is where it was. */
  reset(index) {
    const pswp = this.#pswp;
    pswp.animations.stopAll();
    pswp.mainScroll.moveTo(pswp.mainScroll.getCurrSlideX());
    for (const holder of pswp.mainScroll.itemHolders) {
      holder.slide?.destroy();
      holder.slide = undefined;
    }
    pswp.contentLoader.destroy();
    pswp.currIndex = pswp.potentialIndex = index;
    pswp.mainScroll.itemHolders.forEach((holder, place) => pswp.setContent(holder, index - 1 + place));
    pswp.currSlide?.setIsActive(true);
    pswp.appendHeavy();
    pswp.contentLoader.updateLazy();
    pswp.dispatch("change");
  }

  /* Zooms by a factor around the middle; 0 fits the picture to the screen. */
  zoom(factor) {
    const slide = this.#pswp.currSlide;
    if (!slide) return;
    const { fit, max } = slide.zoomLevels;
    const level = factor ? Math.min(Math.max(slide.currZoomLevel * factor, fit), max) : fit;
    slide.zoomTo(level, this.#pswp.getViewportCenterPoint(), 120);
  }
}
