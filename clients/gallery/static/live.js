// What others do while this page is open, as it happens: fetched anew, and told without taking the focus.

import { base, get, post } from "./api.js";
import { refresh } from "./deeds.js";
import { say } from "./notice.js";

const AT_ONCE = 12;

async function renewPhotos(ids, shown) {
  const here = ids.length ? ids : shown();
  for (const id of here.slice(0, AT_ONCE)) {
    await get(`${base}/photos/${id}`).then(refresh, () => {});
  }
}

// `shown()`: the photos that can be seen now; `commented(ids)` and `changed()` renew what belongs to this page.
export function follow({ shown, commented = async () => {}, changed = async () => {} }) {
  let source;
  let last = "";
  let queue = Promise.resolve();
  const then = (step) => (queue = queue.then(step).catch(() => {}));

  function heard({ data, lastEventId }) {
    last = lastEventId;
    const { type, assetIds } = JSON.parse(data);
    if (type === "closed") return close();
    if (type === "comments" || type === "choices") then(() => renewPhotos(assetIds, shown));
    if (type === "comments") then(() => commented(assetIds));
    if (type === "photos" || type === "gallery") then(changed);
  }

  function close() {
    source.close();
    document.removeEventListener("visibilitychange", look);
    say("This gallery has been closed, or asks for its password again.");
    setTimeout(() => location.reload(), 1500);
  }

  // A page that nobody sees needs no connection: there are few of them, and the stream goes on where it was.
  function look() {
    source?.close();
    if (document.hidden) return;
    source = new EventSource(last ? `${base}/events?lastEventId=${encodeURIComponent(last)}` : `${base}/events`);
    source.onmessage = heard;
  }

  document.addEventListener("visibilitychange", look);
  if (!("preview" in document.body.dataset)) post(`${base}/visit`, {}).catch(() => {});
  addEventListener("pagehide", () => source?.close());
  addEventListener("pageshow", (event) => event.persisted && look());
  look();
}
