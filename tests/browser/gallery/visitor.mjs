// Somebody with a browser of their own in a gallery. What no page may do is noted in `faults`: complain, break its own
// content security policy (Chromium reports that as an error), or ask any other origin for anything.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { chromium } from "playwright-core";

export const DESKTOP = { viewport: { width: 1440, height: 900 } };
export const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };

// The browser's resolver knows nobody but this machine: what asks elsewhere fails, and is a fault besides.
const ARGUMENTS = ["--no-sandbox", "--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"];
const axe = await readFile(new URL("node_modules/axe-core/axe.min.js", import.meta.url), "utf8");

export const launch = (task) => chromium.launch({ executablePath: task.chromium, args: ARGUMENTS });

// In the page: are the pictures there that can be seen?
const painted = () => [...document.images].every((image) => {
  const { top, bottom } = image.getBoundingClientRect();
  return image.complete || top >= innerHeight || bottom <= 0;
});

export class Visitor {
  static async arrive(browser, task, options = DESKTOP) {
    const context = await browser.newContext({ reducedMotion: "reduce", ...options });
    return new Visitor(context, await context.newPage(), task, options);
  }

  constructor(context, page, task, options) {
    Object.assign(this, { context, page, task, options, faults: [], expected: [] });
    context.setDefaultTimeout(15_000);
    context.on("request", (request) => this.#asked(request.url()));
    page.on("console", (message) => ["error", "warning"].includes(message.type()) && this.#complained(message.text()));
    page.on("pageerror", (error) => this.faults.push(`uncaught: ${error.message}`));
  }

  #asked(url) {
    if (!url.startsWith(`${this.task.origin}/`) && !url.startsWith("data:") && !url.startsWith("blob:"))
      this.faults.push(`asked ${url}`);
  }

  #complained(text) {
    if (!this.expected.some((pattern) => pattern.test(text))) this.faults.push(`console: ${text}`);
  }

  // A refusal that the scene is about: the browser itself puts every 4xx into the console.
  expect(status) {
    this.expected.push(new RegExp(`status of ${status}`));
  }

  async open(path) {
    const response = await this.page.goto(this.task.origin + path, { waitUntil: "load" });
    return response.status();
  }

  // A picture of what there is to see, and what axe finds in it.
  async look(name) {
    if (this.options.javaScriptEnabled === false) await this.page.waitForTimeout(500);
    else await until(() => this.page.evaluate(painted), `${name}: all pictures that can be seen`);
    if (this.task.out) await this.page.screenshot({ path: join(this.task.out, `${name}.png`) });
    if (this.options.javaScriptEnabled === false) await this.#inspectTwin(name);
    else await this.#inspect(name, this.page);
  }

  // axe is a script: a page without scripts is inspected as its twin, which is given empty ones.
  async #inspectTwin(name) {
    const context = await this.context.browser().newContext({ ...this.options, javaScriptEnabled: true, storageState: await this.context.storageState() });
    const page = await context.newPage();
    await page.route("**/*.js", (route) => route.fulfill({ contentType: "text/javascript", body: "" }));
    await page.goto(this.page.url());
    await this.#inspect(name, page);
    await context.close();
  }

  async #inspect(name, page) {
    await page.evaluate(axe);
    const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
    this.task.axe[name] = found.violations.map(({ id, impact, help, nodes }) =>
      ({ id, impact, help, where: nodes.slice(0, 5).map((node) => `${node.target}: ${node.failureSummary}`) }));
    for (const { id, impact, help, nodes } of found.violations)
      if (impact === "serious" || impact === "critical")
        this.faults.push(`axe, ${name}: ${id} (${help}) at ${nodes.slice(0, 5).map((node) => node.target)}`);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (wide > 1) this.faults.push(`${name}: the page is ${wide} px wider than the screen`);
  }

  async leave() {
    await this.context.close();
    if (this.faults.length) throw new Error(this.faults.join("\n"));
  }
}

export function same(found, wanted, what) {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`${what}: ${a}, not ${b}`);
}

export async function until(check, what, seconds = 10) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    if (await check()) return;
    if (Date.now() > end) throw new Error(`not within ${seconds} s: ${what}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}
