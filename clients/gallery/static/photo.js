// The page of one photo, as it opens from a link: the same keys, zoom and comments as in the lightbox.

import "./deeds.js";
import "./guest.js";
import { follow } from "./live.js";
import { complain } from "./notice.js";
import { arm, listen, renewPanel } from "./panel.js";
import { localTimes } from "./times.js";
import { Zoom } from "./zoom.js";

const main = document.querySelector("#gallery");
const stage = main.querySelector(".stage");
const link = (selector) => main.querySelector(`a${selector}`);

document.documentElement.classList.add("scripted");
localTimes();
listen(main);

function go(selector) {
  const found = link(selector);
  if (found) location.assign(found.href);
}

const zoom = new Zoom([stage], {
  swiped: (direction) => go({ left: ".next", right: ".previous", down: ".close" }[direction]),
});

const KEYS = {
  ArrowLeft: () => go(".previous"),
  ArrowRight: () => go(".next"),
  Escape: () => (zoom.active ? zoom.reset() : go(".close")),
  f: () => main.querySelector("button.favorite")?.click(),
  c: () => main.querySelector("#comment-form textarea")?.focus(),
  z: () => zoom.toggle(),
  "+": () => zoom.step(1.5),
  "=": () => zoom.step(1.5),
  "-": () => zoom.step(1 / 1.5),
};

document.addEventListener("keydown", (event) => {
  if (event.target.closest("input, textarea, dialog") || event.ctrlKey || event.metaKey || event.altKey) return;
  const deed = KEYS[event.key] ?? KEYS[event.key.toLowerCase()];
  if (!deed) return;
  event.preventDefault();
  deed();
});

for (const selector of [".next", ".previous"]) {
  const found = link(selector);
  if (found) document.head.append(Object.assign(document.createElement("link"), { rel: "prefetch", href: found.href }));
}

async function renew() {
  try {
    await renewPanel(main.querySelector("#panel"), main.querySelector(".spots"));
    arm(main);
  } catch (error) {
    complain(error);
  }
}

const id = main.querySelector("#panel").dataset.assetId;
follow({ shown: () => [id], commented: async (ids) => (!ids.length || ids.includes(id)) && renew() });
