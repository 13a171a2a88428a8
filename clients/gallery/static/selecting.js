// Ticking photos to compare: two to four. The button shows the boxes first, and compares once there is something to.

import { say } from "./notice.js";

const MOST = 4;
const form = document.querySelector("form#compare");

function ticked() {
  return [...document.querySelectorAll(".pick input:checked")];
}

function show() {
  const all = ticked();
  form.classList.toggle("ready", all.length >= 2);
  form.querySelector(".count").textContent = all.length || "";
  for (const box of document.querySelectorAll(".pick input")) {
    box.closest(".photo").classList.toggle("chosen", box.checked);
    box.disabled = !box.checked && all.length >= MOST;
  }
}

export function begin() {
  if (!form) return;
  document.addEventListener("change", (event) => event.target.matches(".pick input") && show());
  addEventListener("pageshow", show);
  form.addEventListener("submit", (event) => {
    if (ticked().length >= 2) return;
    event.preventDefault();
    if (document.documentElement.classList.toggle("picking")) say("Tick two to four photos to compare.");
  });
  show();
}
