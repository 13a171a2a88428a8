// Hearts and selections: shown at once, sent behind, and taken back on the page if the house says no.

import { base, post } from "./api.js";
import { introduced } from "./guest.js";
import { complain, say } from "./notice.js";

const SELECTOR = { favorite: "button.favorite", selected: "button.select" };

// Every button of one photo (and list): in the grid, in the lightbox, in the drawer.
function twins(button) {
  const address = button.getAttribute("formaction");
  return document.querySelectorAll(`${SELECTOR[button.name]}[formaction="${CSS.escape(address)}"]`);
}

function show(button, on, count) {
  button.setAttribute("aria-pressed", String(on));
  button.value = String(!on);
  const counted = button.querySelector(".count");
  if (!counted || count === undefined) return;
  counted.textContent = count || "";
  sayCount(button, count);
}

// What is seen of a count is also in the name that is heard.
export function sayCount(control, count) {
  const name = control.getAttribute("aria-label").replace(/, \d+ so far$/, "");
  control.setAttribute("aria-label", count ? `${name}, ${count} so far` : name);
}

export function pressed(button) {
  return button.getAttribute("aria-pressed") === "true";
}

async function toggle(button) {
  const on = !pressed(button);
  const counted = Number(button.querySelector(".count")?.textContent || 0);
  const before = [...twins(button)];
  for (const each of before) show(each, on, Math.max(0, counted + (on ? 1 : -1)));
  const { list } = button.dataset;
  const settle = lists.has(list) ? count(list, on ? 1 : -1) : () => {};
  try {
    const answer = await inTurn(() => post(button.getAttribute("formaction"), { [button.name]: String(on) }));
    for (const each of twins(button)) show(each, on, answer.favoriteCount);
    settle(answer.count);
    say(button.name === "favorite" ? (on ? "Added to your favourites" : "Taken from your favourites") : (on ? "Added" : "Taken out"));
  } catch (error) {
    for (const each of twins(button)) show(each, !on, counted);
    settle();
    complain(error);
  }
}

// Quick taps are sent one after another, so that each answer is about what was sent before it.
let last = Promise.resolve();

function inTurn(send) {
  const sent = last.then(send);
  last = sent.catch(() => {});
  return sent;
}

// How far lists are: what the house said last, and what is on its way there.
const lists = new Map();

// Count a tap; the function that is returned says how it ended, and how many the house counted.
function count(list, by) {
  const state = lists.get(list);
  state.under.push(by);
  showCount(list);
  return (counted) => {
    state.under.splice(state.under.indexOf(by), 1);
    state.known = counted ?? state.known;
    showCount(list);
  };
}

function showCount(list) {
  const { known, under } = lists.get(list);
  const now = under.reduce((sum, by) => sum + by, known);
  for (const place of document.querySelectorAll(`[data-list="${CSS.escape(list)}"][data-count]`)) {
    place.dataset.count = now;
    const least = Number(place.dataset.min) || 0;
    const most = Number(place.dataset.max) || 0;
    const counter = place.querySelector(".counter");
    counter.textContent = worded(now, least, most);
    counter.classList.toggle("enough", now >= Math.max(1, least) && (!most || now <= most));
  }
}

function worded(now, least, most) {
  if (!least && !most) return String(now);
  if (!least) return `${now} of up to ${most}`;
  if (!most) return `${now} of at least ${least}`;
  return `${now} of ${least === most ? most : `${least}–${most}`}`;
}

// What the house says about a photo now.
export function refresh(facts) {
  const photo = `${base}/photos/${facts.id}`;
  for (const button of document.querySelectorAll(`button.favorite[formaction="${photo}/favorite"]`)) {
    show(button, facts.favorite, facts.favoriteCount);
  }
  for (const button of document.querySelectorAll(`button.select[formaction$="/${facts.id}"]`)) {
    show(button, facts.lists.includes(button.dataset.list));
  }
  for (const link of document.querySelectorAll(`.photo[data-asset-id="${facts.id}"] .comment-count`)) {
    link.textContent = facts.commentsCount;
    link.hidden = !facts.commentsCount;
    link.ariaLabel = `${facts.commentsCount} ${facts.commentsCount === 1 ? "comment" : "comments"} on photo ${facts.number}`;
  }
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button.favorite, button.select");
  if (!button || button.disabled) return;
  event.preventDefault();
  await introduced();
  await toggle(button);
});

for (const { dataset } of document.querySelectorAll("[data-list][data-count]")) {
  lists.set(dataset.list, { known: Number(dataset.count), under: [] });
  showCount(dataset.list);
}
