// One quiet line at the bottom: seen for a while, spoken by screen readers, never in the way of the focus.

const line = document.querySelector("#notice");
let hiding;

export function say(text) {
  if (!line) return;
  clearTimeout(hiding);
  line.textContent = text;
  line.classList.add("shown");
  // an open modal dialog lies above everything else: the line comes along
  (document.querySelector("dialog[open]") ?? document.body).append(line);
  hiding = setTimeout(() => line.classList.remove("shown"), 4000 + 40 * text.length);
}

export function complain(error) {
  if (!error.code) throw error; // a fault of this page, for its console
  say(error.message);
  if (error.code === "gallery_locked" || error.code === "guest_session_needed") location.reload();
}
