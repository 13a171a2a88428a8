// Uploads a file with tus-js-client in Chromium, pausing once and reloading the page once, and prints what it saw.
//
//   node drive.mjs '{"chromium": PROGRAM, "port": OF THE PAGE, "uploadUrl": URL, "file": PATH, "size": BYTES}'
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { chromium } from "playwright-core";

const task = JSON.parse(process.argv[2]);
const files = {
  "/": ["text/html", await readFile(new URL("page.html", import.meta.url))],
  "/tus.min.js": ["text/javascript", await readFile(new URL("node_modules/tus-js-client/dist/tus.min.js", import.meta.url))],
};
const server = createServer((request, response) => {
  const [type, body] = files[request.url] ?? ["text/plain", ""];
  response.writeHead(request.url in files ? 200 : 404, { "Content-Type": type }).end(body);
});
await new Promise((ready) => server.listen(task.port, "127.0.0.1", ready));

const browser = await chromium.launch({ executablePath: task.chromium, args: ["--no-sandbox"] });
try {
  const page = await browser.newPage();
  const complaints = [];
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  const reached = (share) => page.waitForFunction((least) => state.sent >= least || state.error, share * task.size);
  const begin = async (uploadUrl) => {
    await page.setInputFiles("input", task.file);
    await page.evaluate((url) => begin(url), uploadUrl);
  };

  await page.goto(`http://127.0.0.1:${task.port}/`);
  await begin(task.uploadUrl);
  await reached(0.2);
  await page.evaluate(() => upload.abort());
  const pausedAt = await page.evaluate(() => state.sent);
  await page.evaluate(() => upload.start());
  await reached(0.6);
  const first = await page.evaluate(() => state);
  await page.reload();
  await begin(null);
  await page.waitForFunction(() => state.done || state.error);
  console.log(JSON.stringify({ pausedAt, first, last: await page.evaluate(() => state), complaints }));
} finally {
  await browser.close();
  server.close();
}
