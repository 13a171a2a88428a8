// One photo at a time, over the grid: keys, swipes, zoom, comments. The address follows the photo.

import { sayCount } from "./deeds.js";
import { large, more, tiles } from "./grid.js";
import { complain } from "./notice.js";
import { arm, listen, panelOf, photoAddress, pin, renewPanel } from "./panel.js";
import { Zoom } from "./zoom.js";

const dialog = document.querySelector("dialog#lightbox");
const part = (selector) => dialog.querySelector(selector);
const [stage, image, drawer, talk] = [".stage", ".picture img", ".drawer", ".talk"].map(part);
const total = Number(document.querySelector("#gallery").dataset.total);

let current;
let opener;

const zoom = new Zoom([stage], {
  swiped: (direction) => ({ left: () => go(1), right: () => go(-1), down: close })[direction](),
  changed: (active) => part(".zoom").setAttribute("aria-pressed", String(active)),
});

export function openPhoto() {
  return dialog.open ? current?.dataset.assetId : undefined;
}

function neighbour(step) {
  const all = tiles();
  return all[all.indexOf(current) + step];
}

function preload(tile) {
  if (tile) new Image().src = large(tile);
}

function deeds(tile) {
  const holder = part(".lightbox-deeds");
  holder.replaceChildren(...[...tile.querySelectorAll("button.select, button.favorite")].map((button) => button.cloneNode(true)));
}

function show(tile) {
  current = tile;
  const picture = part(".picture");
  const small = tile.querySelector("img");
  picture.style.setProperty("--r", tile.dataset.ratio);
  // what is there already fills the frame until the large picture is
  picture.style.backgroundImage = `url("${small.currentSrc || small.src}")`;
  image.alt = small.alt;
  image.src = large(tile);
  part(".position").textContent = `${tile.id.slice(1)} of ${total}`;
  const comments = Number(tile.querySelector(".comment-count").textContent);
  part(".talk .count").textContent = comments || "";
  sayCount(talk, comments);
  part(".previous").disabled = !neighbour(-1);
  part(".next").disabled = !neighbour(1) && !document.querySelector("#more");
  part(".spots").replaceChildren();
  stage.classList.remove("pointing");
  deeds(tile);
  zoom.reset();
  preload(neighbour(1));
  preload(neighbour(-1));
  if (!drawer.hidden) fill();
}

async function fill() {
  const tile = current;
  try {
    const panel = await panelOf(tile.dataset.assetId);
    if (tile !== current || drawer.hidden) return;
    drawer.replaceChildren(panel);
    arm(dialog);
    pin(panel, part(".spots"));
  } catch (error) {
    complain(error);
  }
}

async function converse(open, focus = false) {
  drawer.hidden = !open;
  talk.setAttribute("aria-expanded", String(open));
  if (!open) {
    drawer.replaceChildren();
    part(".spots").replaceChildren();
    talk.focus();
    return;
  }
  await fill();
  if (focus) drawer.querySelector("#comment-form textarea")?.focus();
}

async function go(step) {
  let tile = neighbour(step);
  if (!tile && step > 0 && (await more())) tile = neighbour(step);
  if (!tile) return;
  show(tile);
  history.replaceState({ photo: true }, "", photoAddress(tile.dataset.assetId));
}

export function open(tile, { talking = false, again = false } = {}) {
  opener = tile;
  if (!again) history.pushState({ photo: true }, "", photoAddress(tile.dataset.assetId));
  dialog.showModal();
  show(tile);
  part(".close").focus();
  if (talking || !drawer.hidden) converse(true, talking);
}

function shut() {
  if (!dialog.open) return;
  const notice = document.querySelector("#notice");
  dialog.close();
  document.body.append(notice);
  image.removeAttribute("src");
  const tile = current ?? opener;
  tile?.scrollIntoView({ block: "nearest" });
  tile?.querySelector(".photo-link").focus({ preventScroll: true });
}

// Going back closes: the entry that opened it is left behind.
function close() {
  if (history.state?.photo) history.back();
  else shut();
}

// The browser's own way back and forth: to the grid, or to a photo that was open before.
function travelled() {
  if (!history.state?.photo) return shut();
  const id = location.pathname.split("/").at(-1);
  const tile = tiles().find((each) => each.dataset.assetId === id);
  if (tile && dialog.open) show(tile);
  else if (tile) open(tile, { again: true });
}

const KEYS = {
  ArrowLeft: () => go(-1),
  ArrowRight: () => go(1),
  f: () => part(".lightbox-deeds .favorite")?.click(),
  s: () => part(".lightbox-deeds .select")?.click(),
  c: () => converse(drawer.hidden, true),
  z: () => zoom.toggle(),
  "+": () => zoom.step(1.5),
  "=": () => zoom.step(1.5),
  "-": () => zoom.step(1 / 1.5),
  0: () => zoom.reset(),
};

export function begin() {
  document.querySelector("#gallery").addEventListener("click", (event) => {
    const link = event.target.closest("a.photo-link, a.comment-count");
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
    event.preventDefault();
    open(link.closest(".photo"), { talking: link.matches(".comment-count") });
  });
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    if (zoom.active) zoom.reset();
    else if (!drawer.hidden) converse(false);
    else close();
  });
  dialog.addEventListener("keydown", (event) => {
    if (event.target.matches("input, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
    const deed = KEYS[event.key] ?? KEYS[event.key.toLowerCase()];
    if (!deed) return;
    event.preventDefault();
    deed();
  });
  for (const [selector, step] of [[".previous", -1], [".next", 1]]) {
    part(selector).addEventListener("click", () => go(step));
    zoom.swipesFrom(part(selector));
  }
  part(".close").addEventListener("click", close);
  part(".zoom").addEventListener("click", () => zoom.toggle());
  talk.addEventListener("click", () => converse(drawer.hidden));
  addEventListener("popstate", travelled);
  listen(dialog);
}

export async function renewComments(ids) {
  const panel = drawer.querySelector("#panel");
  if (!panel || (ids.length && !ids.includes(panel.dataset.assetId))) return;
  await renewPanel(panel, part(".spots"));
  arm(dialog);
}

