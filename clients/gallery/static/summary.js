// A guest's selection before it is sent: taken together, counted, confirmed.

import { post } from "./api.js";
import "./deeds.js";
import { paint } from "./blur.js";
import { introduced } from "./guest.js";
import { complain } from "./notice.js";
import { localTimes } from "./times.js";

document.documentElement.classList.add("scripted");
localTimes();
document.querySelectorAll(".photo").forEach(paint);

const form = document.querySelector("#submit-form");
const confirm = document.querySelector("#confirm");

async function submit() {
  confirm.close();
  try {
    await post(form.action, new FormData(form));
    location.reload();
  } catch (error) {
    complain(error);
  }
}

if (form) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    await introduced();
    const { count } = document.querySelector(".status").dataset;
    confirm.querySelector(".what").textContent = `${count} ${count === "1" ? "photo" : "photos"}. The list is locked then, so that your photographer can rely on it.`;
    confirm.showModal();
  });
  confirm.querySelector(".yes").addEventListener("click", submit);
  confirm.querySelector(".no").addEventListener("click", () => confirm.close());
}

