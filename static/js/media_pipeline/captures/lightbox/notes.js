/* A short note over the picture, with a way back where there is one. A new one takes the place of the last. */
const SHOWN_MS = 5_000;
const SHOWN_WITH_UNDO_MS = 10_000;

export function showNote(holder, text, undoLabel, undo) {
  const note = document.createElement("p");
  note.className = "toast";
  note.append(text);
  if (undoLabel) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button button--small";
    button.textContent = undoLabel;
    button.addEventListener("click", () => {
      note.remove();
      undo();
    });
    note.append(button);
  }
  holder.replaceChildren(note);
  setTimeout(() => note.remove(), undoLabel ? SHOWN_WITH_UNDO_MS : SHOWN_MS);
}
