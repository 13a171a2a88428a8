// The page of a gallery. Everything on it works without this; with it, it is quicker, quieter and alive.

import "./deeds.js";
import "./guest.js";
import { begin as beginGrid, renew, tiles } from "./grid.js";
import { begin as beginLightbox, openPhoto, renewComments } from "./lightbox.js";
import { follow } from "./live.js";
import { begin as beginSelecting } from "./selecting.js";
import { localTimes } from "./times.js";

document.documentElement.classList.add("scripted");
localTimes();
beginGrid();
beginLightbox();
beginSelecting();

// Those on screen, for news that name no photo.
function visible() {
  const open = openPhoto();
  const seen = tiles().filter((tile) => {
    const box = tile.getBoundingClientRect();
    return box.bottom > 0 && box.top < innerHeight;
  });
  return [...new Set([open, ...seen.map((tile) => tile.dataset.assetId)])].filter(Boolean);
}

follow({ shown: visible, commented: renewComments, changed: renew });
