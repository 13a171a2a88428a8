// What is said about a photo. The server writes the panel; this sends its forms and puts the fresh panel in its place.

import { base, page, post } from "./api.js";
import { introduced } from "./guest.js";
import { complain, say } from "./notice.js";
import { localTimes } from "./times.js";

export function photoAddress(id) {
  return `${base}/photos/${id}`;
}

// The panel of a photo as it is now, ready to be put somewhere.
export async function panelOf(id) {
  const found = await page(photoAddress(id));
  const panel = document.importNode(found.querySelector("#panel"), true);
  localTimes(panel);
  return panel;
}

// Pins for the comments that point at a spot; pins are places, so they move and grow with the picture.
export function pin(panel, spots) {
  spots.replaceChildren(
    ...[...panel.querySelectorAll(".comment[data-x]")].map((comment) => {
      const link = document.createElement("a");
      const number = comment.querySelector(".spot-number")?.textContent ?? "";
      Object.assign(link, { className: "spot", href: `#${comment.id}`, textContent: number, ariaLabel: `Comment ${number}` });
      link.style.left = `${comment.dataset.x * 100}%`;
      link.style.top = `${comment.dataset.y * 100}%`;
      return link;
    }),
  );
}

// Half-written words and the focus outlive a fresh panel.
export async function renewPanel(panel, spots) {
  const fresh = await panelOf(panel.dataset.assetId);
  const before = panel.querySelector("#comment-form textarea");
  const after = fresh.querySelector("#comment-form textarea");
  if (before && after) after.value = before.value;
  const focused = panel.contains(document.activeElement) ? document.activeElement : undefined;
  // a panel in which somebody writes an answer is left alone until they are done
  if (focused?.matches("textarea") && focused !== before) return panel;
  panel.replaceWith(fresh);
  if (focused === before && focused) after?.focus();
  pin(fresh, spots);
  return fresh;
}

async function send(form, spots) {
  const panel = form.closest("#panel");
  await introduced();
  const { id } = await post(form.action, new FormData(form));
  form.reset();
  const focus = form.id === "comment-form";
  const fresh = await renewPanel(panel, spots());
  if (id) fresh.querySelector(`#c${CSS.escape(id)}`)?.scrollIntoView({ block: "nearest" });
  if (focus) fresh.querySelector("#comment-form textarea")?.focus();
  say(id ? "Your comment is there." : "Taken back.");
}

function point(button, stage) {
  const on = button.getAttribute("aria-pressed") !== "true";
  button.setAttribute("aria-pressed", String(on));
  stage.classList.toggle("pointing", on);
  const form = button.form;
  form.elements.x.value = form.elements.y.value = "";
  button.textContent = "Point at a spot";
  if (!on) return;
  say("Tap the spot in the picture that you mean.");
  const image = stage.querySelector("img");
  stage.addEventListener(
    "click",
    (event) => {
      if (button.getAttribute("aria-pressed") !== "true") return;
      const box = image.getBoundingClientRect();
      const place = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
      [form.elements.x.value, form.elements.y.value] = place.map((part) => Math.min(1, Math.max(0, part)).toFixed(4));
      stage.classList.remove("pointing");
      button.textContent = "Spot marked";
      form.elements.text.focus();
    },
    { once: true },
  );
}

// `root` holds a drawer with the panel, a stage with the picture, and its pins.
export function listen(root) {
  const stage = root.querySelector(".stage");
  const spots = () => root.querySelector(".spots");
  root.addEventListener("submit", async (event) => {
    const form = event.target.closest("form.deed");
    if (!form) return;
    event.preventDefault();
    const button = event.submitter;
    if (button) button.disabled = true;
    try {
      await send(form, spots);
    } catch (error) {
      complain(error);
    } finally {
      if (button) button.disabled = false;
    }
  });
  root.addEventListener("click", (event) => {
    const button = event.target.closest("button.pin");
    if (button) point(button, stage);
    const spot = event.target.closest("a.spot");
    if (spot) {
      event.preventDefault();
      root.querySelector(CSS.escape(spot.hash.slice(1)).replace(/^/, "#"))?.scrollIntoView({ block: "center" });
    }
  });
  root.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.matches("textarea")) {
      event.target.form.requestSubmit();
    }
  });
  arm(root);
}

// Pointing needs a script: its button appears with one.
export function arm(root) {
  const button = root.querySelector("button.pin");
  if (button) button.hidden = false;
}
