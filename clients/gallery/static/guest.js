// "Who are you?": asked once, with the first deed that others see, and whenever the visitor wants to say it.

import { post } from "./api.js";
import { complain, say } from "./notice.js";

const dialog = document.querySelector("dialog#who");
const skipped = `kilo-unnamed-${document.body.dataset.base}`;

function unnamed() {
  return "unnamed" in document.body.dataset && !sessionStorage.getItem(skipped);
}

function open() {
  const before = document.activeElement;
  return new Promise((resolve) => {
    dialog.addEventListener(
      "close",
      () => {
        before?.focus?.();
        resolve();
      },
      { once: true },
    );
    dialog.showModal();
    dialog.querySelector("input[name=name]").focus();
  });
}

// Resolves when there is a name, or when the visitor wants to stay without one.
export async function introduced() {
  if (dialog && unnamed()) await open();
}

if (dialog) {
  dialog.querySelector(".skip").addEventListener("click", () => {
    sessionStorage.setItem(skipped, "1");
    dialog.close();
  });
  dialog.querySelector("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const form = event.currentTarget;
    try {
      const { name } = await post(form.action, new FormData(form));
      delete document.body.dataset.unnamed;
      const who = document.querySelector("a.who bdi");
      if (who) who.textContent = name;
      dialog.close();
      say(`Thank you, ${name}.`);
    } catch (error) {
      complain(error);
    }
  });
  document.querySelector("a.who")?.addEventListener("click", (event) => {
    event.preventDefault();
    open();
  });
}
