// The grid: blurred previews before pictures, patience with pictures that are being made, and further pages on the way.

import { page } from "./api.js";
import { paint } from "./blur.js";
import { complain, say } from "./notice.js";

const main = document.querySelector("#gallery");
const RETRIES = 12;
// where this page was opened: the address moves along with the lightbox
const home = location.pathname + location.search;

// --- pictures ------------------------------------------------------------------------------------------------------

function later(img, attempt) {
  const tile = img.closest(".photo");
  tile?.classList.add("waiting");
  if (attempt > RETRIES) return;
  setTimeout(() => {
    img.dataset.attempt = attempt;
    const { srcset, src } = img;
    img.srcset = "";
    img.src = src;
    img.srcset = srcset;
  }, Math.min(30_000, 1500 * 1.5 ** attempt));
}

// "error" and "load" do not bubble: they are caught on their way down.
main.addEventListener("error", ({ target: img }) => img.matches?.("img") && later(img, Number(img.dataset.attempt ?? 0) + 1), true);
main.addEventListener("load", ({ target: img }) => img.closest(".photo")?.classList.remove("waiting"), true);

// Blurs are painted a few at a time, so that scrolling never waits for them.
const unpainted = [];
const SLICE_MS = 8;

function paintSome() {
  const until = performance.now() + SLICE_MS;
  while (unpainted.length && performance.now() < until) paint(unpainted.shift());
  if (unpainted.length) setTimeout(paintSome);
}

const near = new IntersectionObserver(
  (entries) => {
    const idle = !unpainted.length;
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      unpainted.push(target);
    }
    if (idle && unpainted.length) setTimeout(paintSome);
  },
  { rootMargin: "60% 0px" },
);

// Pages that came later could not bring a stylesheet: their proportions are set one by one.
function dress(tile) {
  tile.style.setProperty("--r", Math.min(3, Math.max(1 / 3, Number(tile.dataset.ratio))));
  if (tile.dataset.color) tile.style.setProperty("--c", tile.dataset.color);
}

// The address of a tile's large picture: the last that its image could be.
export function large(tile) {
  return tile.querySelector("img").srcset.split(", ").at(-1).split(" ")[0];
}

export function tiles() {
  return [...main.querySelectorAll("li.photo")];
}

// --- pages ---------------------------------------------------------------------------------------------------------

let loading;

function sectionOf(group) {
  return group.dataset.section ?? "";
}

// The list that tiles of a group go to: the last one, or that of a new heading.
function listFor(group) {
  const groups = main.querySelectorAll(":scope > .group");
  const last = groups[groups.length - 1];
  if (last && sectionOf(last) === sectionOf(group)) return last.querySelector("ol.grid");
  const copy = group.cloneNode(false);
  for (const part of group.children) copy.append(part.cloneNode(!part.matches("ol.grid")));
  (last ?? main.firstElementChild).after(copy);
  return copy.querySelector("ol.grid");
}

const AT_ONCE = 25;

async function append(found) {
  for (const group of found.querySelectorAll("#gallery > .group")) {
    const list = listFor(group);
    const waiting = [...group.querySelectorAll("li.photo")];
    while (waiting.length) {
      const fresh = waiting.splice(0, AT_ONCE).map((tile) => document.importNode(tile, true));
      fresh.forEach(dress);
      list.append(...fresh);
      for (const tile of fresh) near.observe(tile);
      await new Promise((resolve) => setTimeout(resolve));
    }
  }
}

async function load(link) {
  link.textContent = "Loading …";
  const found = await page(link.href);
  const next = found.querySelector("#more");
  await append(found);
  if (next) {
    link.href = next.getAttribute("href");
    link.textContent = "More photos";
  } else {
    link.parentElement.remove();
  }
}

// The next page of photos; true if there was one. One at a time: whoever asks meanwhile gets the same.
export async function more() {
  const link = document.querySelector("#more");
  if (!link) return false;
  loading ??= load(link).finally(() => (loading = undefined));
  try {
    await loading;
    return true;
  } catch (error) {
    link.textContent = "More photos";
    complain(error);
    return false;
  }
}

// What the photographer changed since: photos in, photos out, another order. The visitor's place stays where it is.
export async function renew() {
  const found = await page(home);
  const now = new Map([...found.querySelectorAll("li.photo")].map((tile) => [tile.dataset.assetId, tile]));
  const known = new Set(tiles().map((tile) => tile.dataset.assetId));
  const whole = !found.querySelector("#more") && !document.querySelector("#more");
  for (const tile of tiles()) {
    const fresh = now.get(tile.dataset.assetId);
    if (!fresh && whole) tile.remove();
    if (fresh && large(fresh) !== large(tile)) {
      const copy = document.importNode(fresh, true);
      dress(copy);
      tile.replaceWith(copy);
    }
  }
  const added = [...now.values()].filter((tile) => !known.has(tile.dataset.assetId));
  if (added.length) say(added.length === 1 ? "A photo was added. Reload to see it." : `${added.length} photos were added. Reload to see them.`);
}

export function begin() {
  for (const tile of tiles()) near.observe(tile);
  for (const img of main.querySelectorAll("img")) if (img.complete && !img.naturalWidth && img.getAttribute("loading") !== "lazy") later(img, 1);
  const link = document.querySelector("#more");
  if (!link) return;
  link.addEventListener("click", (event) => {
    event.preventDefault();
    more();
  });
  const end = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && more(), { rootMargin: "250% 0px" });
  end.observe(link.parentElement);
}
