// A telephone: 390 × 844, fingers.
import { PHONE, Visitor, same, until } from "./visitor.mjs";

// Fingers that go from points to points; CDP's touches are the ones a screen would send.
async function drag(page, from, to, steps = 8) {
  const client = await page.context().newCDPSession(page);
  const at = (share) => from.map(([x, y], finger) => ({ x: x + (to[finger][0] - x) * share, y: y + (to[finger][1] - y) * share, id: finger }));
  await client.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: at(0) });
  for (let step = 1; step <= steps; step++) {
    await client.send("Input.dispatchTouchEvent", { type: "touchMove", touchPoints: at(step / steps) });
    await page.waitForTimeout(16);
  }
  await client.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
  await client.detach();
}

export async function phone(browser, task, facts) {
  const guest = await Visitor.arrive(browser, task, PHONE);
  const { page } = guest;
  await guest.open(facts.path);
  await guest.look("phone-grid");
  await page.evaluate(() => window.scrollTo(0, 900));
  await guest.look("phone-scrolled");
  const small = await page.evaluate(() => [...document.querySelectorAll("button, a.button, .chips a, input:not([type=hidden]), summary")]
    .filter((one) => one.checkVisibility() && !one.closest("dialog:not([open])") && one.getBoundingClientRect().width)
    .map((one) => [one.outerHTML.slice(0, 80), Math.round(one.getBoundingClientRect().width), Math.round(one.getBoundingClientRect().height), one])
    .filter(([, width, height, one]) => (width < 44 || height < 44) && !one.closest("label")).map(([html, width, height]) => `${width}x${height} ${html}`));
  same(small.slice(0, 5), [], "targets smaller than 44 px");
  await page.evaluate(() => window.scrollTo(0, 0));
  await page.locator("li.photo a.photo-link").nth(1).tap();
  const lightbox = page.locator("dialog#lightbox");
  await lightbox.waitFor();
  const position = async () => (await lightbox.locator(".position").innerText()).trim();
  await until(async () => (await position()).startsWith("2 "), "photo 2");
  await page.waitForTimeout(300);
  await guest.look("phone-lightbox");
  await drag(page, [[320, 420]], [[60, 425]]);
  await until(async () => (await position()).startsWith("3 "), "swiped to photo 3");
  await drag(page, [[60, 420]], [[330, 425]]);
  await until(async () => (await position()).startsWith("2 "), "swiped back");
  const width = () => lightbox.locator(".picture img").evaluate((image) => image.getBoundingClientRect().width);
  const before = await width();
  await page.waitForTimeout(300);
  await drag(page, [[180, 420], [210, 420]], [[60, 420], [330, 420]]);
  await until(async () => (await width()) > before * 1.5, "pinched larger");
  await guest.look("phone-zoomed");
  same((await position()).startsWith("2 "), true, "still photo 2");
  await lightbox.locator("button.talk").tap();
  await lightbox.locator("#comment-form textarea").waitFor();
  await guest.look("phone-comments");
  await guest.leave();
}

export async function phonePages(browser, task, facts) {
  const guest = await Visitor.arrive(browser, task, PHONE);
  await guest.open(facts.lockedPath);
  await guest.look("phone-password");
  await guest.open(`${facts.path}?list=${facts.list}`);
  await guest.look("phone-selecting");
  await guest.open(`${facts.path}/selection/${facts.list}`);
  await guest.look("phone-summary");
  await guest.open(`${facts.path}/compare?photo=${facts.ids[0]}&photo=${facts.ids[1]}`);
  await guest.look("phone-compare");
  await guest.open(`${facts.path}/downloads`);
  await guest.look("phone-downloads");
  await guest.leave();
}
