// Talking to the house: every address is a page of this gallery, every deed a form it would also take without scripts.

export const base = document.body.dataset.base;

// A refusal of the house, with its stable code and a sentence for people.
export class Refusal extends Error {
  constructor(status, answer) {
    super(answer.message ?? "That did not work. Try again in a moment.");
    this.status = status;
    this.code = answer.code ?? "unknown";
  }
}

async function answered(response) {
  if (response.ok) return response.status === 204 ? {} : response.json();
  const answer = await response.json().catch(() => ({}));
  throw new Refusal(response.status, answer);
}

async function ask(address, options) {
  try {
    return await fetch(address, { credentials: "same-origin", ...options });
  } catch {
    throw new Refusal(0, { message: "There is no connection. Nothing was changed.", code: "offline" });
  }
}

export async function get(address) {
  return answered(await ask(address, { headers: { accept: "application/json" } }));
}

export async function post(address, fields) {
  const options = { method: "POST", headers: { accept: "application/json" }, body: new URLSearchParams(fields) };
  return answered(await ask(address, options));
}

// A page of this gallery as a document: what the server wrote is written in one place alone.
export async function page(address) {
  const response = await ask(address, { headers: { accept: "text/html" } });
  if (!response.ok) throw new Refusal(response.status, {});
  // its stylesheet carries the nonce of another answer: the browser would complain about it, and nobody needs it here
  const text = (await response.text()).replace(/<style[^]*?<\/style>/, "");
  return new DOMParser().parseFromString(text, "text/html");
}
