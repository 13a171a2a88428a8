// Two to four photos at the same magnification and the same spot.

import "./deeds.js";
import "./guest.js";
import { Zoom } from "./zoom.js";

document.documentElement.classList.add("scripted");

const button = document.querySelector("button.zoom");
const zoom = new Zoom([...document.querySelectorAll(".compared .stage")], {
  changed: (active) => button.setAttribute("aria-pressed", String(active)),
});

button.hidden = false;
button.addEventListener("click", () => zoom.toggle());

const KEYS = {
  z: () => zoom.toggle(),
  "+": () => zoom.step(1.5),
  "=": () => zoom.step(1.5),
  "-": () => zoom.step(1 / 1.5),
  0: () => zoom.reset(),
  Escape: () => (zoom.active ? zoom.reset() : document.querySelector("a.close").click()),
};

document.addEventListener("keydown", (event) => {
  if (event.target.closest("dialog, input") || event.ctrlKey || event.metaKey || event.altKey) return;
  (KEYS[event.key] ?? KEYS[event.key.toLowerCase()])?.();
});

// back to where the photos were ticked, if that is where this page was opened
document.querySelector("a.close").addEventListener("click", (event) => {
  if (!document.referrer.startsWith(location.origin) || history.length < 2) return;
  event.preventDefault();
  history.back();
});
