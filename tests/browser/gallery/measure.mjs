// Takes the figures of a gallery's page in Chromium and prints them as one line of JSON (bench/gallery_page.py).
//
//   node measure.mjs '{"chromium": PROGRAM, "origin": URL, "first": PATH OF 200 PHOTOS, "long": {"path", "photos"},
//                      "rounds": 3, "out": FOLDER FOR SCREENSHOTS, OR NULL}'
import { join } from "node:path";
import { DESKTOP, PHONE, launch } from "./visitor.mjs";

const task = JSON.parse(process.argv[2]);
// Lighthouse's "slow 4G" as the browser's own tools apply it, and a processor a quarter as fast.
const SLOW = { offline: false, latency: 562.5, downloadThroughput: (1474.56 * 1024) / 8, uploadThroughput: (675 * 1024) / 8 };
const CPU = 4;
// Milliseconds after which scrolling is given up; the figures say how far it got.
const PATIENCE = 120_000;

const watch = () => {
  const seen = { longTasks: [], shifts: 0, lcp: 0, fcp: 0 };
  globalThis.seen = seen;
  const on = (type, each) => new PerformanceObserver((list) => list.getEntries().forEach(each)).observe({ type, buffered: true });
  on("longtask", (entry) => seen.longTasks.push([entry.startTime, entry.duration]));
  on("largest-contentful-paint", (entry) => (seen.lcp = entry.startTime));
  on("paint", (entry) => entry.name === "first-contentful-paint" && (seen.fcp = entry.startTime));
  on("layout-shift", (entry) => (seen.shifts += entry.hadRecentInput ? 0 : entry.value));
};

async function arrive(browser, options) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  await page.addInitScript(watch);
  return { context, page, client: await context.newCDPSession(page) };
}

// Bytes on the wire, heads included, and after decompression, by kind.
async function weight(browser) {
  const { context, page, client } = await arrive(browser, DESKTOP);
  const [kinds, sizes, found] = [new Map(), new Map(), []];
  await client.send("Network.enable");
  client.on("Network.responseReceived", ({ requestId, type, response }) => kinds.set(requestId, [type, new URL(response.url).pathname]));
  client.on("Network.dataReceived", ({ requestId, dataLength }) => sizes.set(requestId, (sizes.get(requestId) ?? 0) + dataLength));
  client.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
    const [kind, path] = kinds.get(requestId) ?? ["Other", "?"];
    found.push({ kind, path, wire: encodedDataLength, raw: sizes.get(requestId) ?? 0 });
  });
  await page.goto(task.origin + task.first, { waitUntil: "load" });
  await page.waitForTimeout(1500);
  const photos = await page.locator("li.photo").count();
  if (task.out) await page.screenshot({ path: join(task.out, "first-view.png") });
  await context.close();
  return { photos, found };
}

async function paint(browser) {
  const { context, page, client } = await arrive(browser, PHONE);
  await client.send("Network.enable");
  await client.send("Network.emulateNetworkConditions", SLOW);
  await client.send("Emulation.setCPUThrottlingRate", { rate: CPU });
  await page.goto(task.origin + task.first, { waitUntil: "load", timeout: 90_000 });
  await page.waitForTimeout(4000);
  const { longTasks, shifts, lcp, fcp } = await page.evaluate(() => globalThis.seen);
  await context.close();
  const blocked = longTasks.filter(([start]) => start >= fcp).reduce((sum, [, duration]) => sum + duration - 50, 0);
  return { fcp, lcp, tbt: blocked, cls: shifts };
}

async function scroll(browser, rate) {
  const { context, page, client } = await arrive(browser, DESKTOP);
  await page.goto(task.origin + task.long.path, { waitUntil: "load" });
  await client.send("Emulation.setCPUThrottlingRate", { rate });
  await page.evaluate(() => {
    globalThis.frames = [];
    let last = performance.now();
    const frame = (now) => (globalThis.frames.push(now - last), (last = now), requestAnimationFrame(frame));
    requestAnimationFrame(frame);
  });
  await page.mouse.move(700, 500);
  const begun = Date.now();
  const left = () => page.evaluate((all) => [document.querySelectorAll("li.photo").length < all, document.documentElement.scrollHeight - innerHeight - scrollY], task.long.photos);
  for (let [more, below] = await left(); more || below > 2; [more, below] = await left()) {
    if (Date.now() - begun > PATIENCE) break;
    for (let turn = 0; turn < 10; turn++) {
      await page.mouse.wheel(0, 400); // a fast finger: 8,000 px a second
      await page.waitForTimeout(50);
    }
  }
  await page.waitForTimeout(500);
  const { longTasks, shifts } = await page.evaluate(() => globalThis.seen);
  const frames = (await page.evaluate(() => globalThis.frames)).sort((a, b) => a - b);
  const photos = await page.locator("li.photo").count();
  if (task.out) await page.screenshot({ path: join(task.out, `scrolled-${rate}x.png`) });
  await context.close();
  return {
    rate, photos, seconds: (Date.now() - begun) / 1000, longTasks: longTasks.length,
    longest: Math.max(0, ...longTasks.map(([, duration]) => duration)),
    frame95: frames[Math.floor(frames.length * 0.95)], cls: shifts,
  };
}

const browser = await launch(task);
try {
  const paints = [];
  const first = await weight(browser);
  for (let round = 0; round < task.rounds; round++) paints.push(await paint(browser));
  const scrolls = [await scroll(browser, 1), await scroll(browser, CPU)];
  console.log(JSON.stringify({ first, paints, scrolls }));
} finally {
  await browser.close();
}
