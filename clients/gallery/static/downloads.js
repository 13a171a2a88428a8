// A download that is being prepared: watched, and begun by itself.

import { get } from "./api.js";
import { complain } from "./notice.js";

const bar = document.querySelector("#progress");
const AGAIN = 1500;

function begun(address) {
  document.querySelector("#state").textContent = "Your download has begun.";
  const link = Object.assign(document.createElement("a"), { id: "ready", className: "download button", href: address, textContent: "Save it again" });
  bar.parentElement.replaceChildren(link);
  document.querySelector("#told").textContent = "You can go back to the photos while it is saved.";
  location.assign(address);
}

async function watch() {
  try {
    const { ready, percent } = await get(location.href);
    if (ready) return begun(ready);
    bar.value = percent;
    bar.textContent = `${percent} %`;
  } catch (error) {
    complain(error);
  }
  setTimeout(watch, AGAIN);
}

document.documentElement.classList.add("scripted");
if (bar) setTimeout(watch, AGAIN);
