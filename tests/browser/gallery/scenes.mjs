// What guests do in a gallery with a mouse and a keyboard.
import { readFile } from "node:fs/promises";
import { DESKTOP, Visitor, same, until } from "./visitor.mjs";

const pressed = (button) => button.getAttribute("aria-pressed");
const text = (locator) => locator.innerText().then((said) => said.trim());

export async function introduce(page, name) {
  const dialog = page.locator("dialog#who");
  await dialog.waitFor();
  await dialog.locator("input[name=name]").fill(name);
  await dialog.locator("button.primary").click();
  await dialog.waitFor({ state: "hidden" });
}

// The photographer, from the program of their own.
export async function photographer(task, method, path, body) {
  const response = await fetch(`${task.origin}/v1${path}`, {
    method, body: JSON.stringify(body), headers: { Authorization: task.bearer, "Content-Type": "application/json" },
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return response.status === 204 ? null : response.json();
}

export async function password(browser, task, facts) {
  const guest = await Visitor.arrive(browser, task);
  const { page } = guest;
  await guest.open(facts.path);
  same(await page.locator("body").getAttribute("data-gallery-state"), "locked", "state");
  same(await page.locator("main img").count(), 0, "pictures before the password");
  same(await page.evaluate(() => document.activeElement.getAttribute("name")), "password", "focus");
  await guest.look("password");
  guest.expect(401);
  await page.locator("#password-form input[name=password]").fill("not it");
  await page.locator("#password-form button").click();
  await page.locator("#notice:not(:empty)").waitFor();
  await guest.look("password-wrong");
  await page.locator("#password-form input[name=password]").fill(facts.password);
  await page.locator("#password-form button").click();
  await page.locator("ol.grid > li.photo").first().waitFor();
  same(await page.locator("body").getAttribute("data-gallery-state"), "open", "state");
  same(await page.evaluate(() => document.cookie), "", "what scripts see of the cookie");
  const [cookie] = await guest.context.cookies(task.origin + facts.path);
  same([cookie.name, cookie.path, cookie.httpOnly, cookie.sameSite], ["kilo_guest", facts.path, true, "Lax"], "cookie");
  await guest.leave();
}

export async function missing(browser, task, facts) {
  const guest = await Visitor.arrive(browser, task);
  guest.expect(404);
  const seen = [];
  for (const path of facts.paths) {
    same(await guest.open(path), 404, path);
    seen.push(await guest.page.locator("body").innerText());
  }
  same(new Set(seen).size, 1, "different pages");
  await guest.look("missing");
  await guest.leave();
}

export async function empty(browser, task, facts) {
  const guest = await Visitor.arrive(browser, task);
  await guest.open(facts.path);
  same(await guest.page.locator("li.photo").count(), 0, "photos");
  await guest.look("empty");
  await guest.leave();
}

export async function looking(browser, task, facts) {
  const guest = await Visitor.arrive(browser, task);
  const { page } = guest;
  await guest.open(facts.path);
  same(await page.locator("li.photo").count(), facts.photos, "photos");
  same(await page.locator("h2:not(.visually-hidden):visible").count() >= facts.sections, true, "headings");
  await guest.look("grid");
  const broken = await page.evaluate(() => [...document.images].filter((image) => image.complete && image.src && !image.naturalWidth).map((image) => image.src));
  same(broken, [], "pictures that are not there");
  await page.locator("li.photo a.photo-link").nth(2).click();
  const lightbox = page.locator("dialog#lightbox");
  await lightbox.waitFor();
  await until(async () => (await text(lightbox.locator(".position"))).startsWith("3 "), "photo 3 in the lightbox");
  same(new URL(page.url()).pathname, `${facts.path}/photos/${facts.ids[2]}`, "address");
  await until(() => lightbox.locator(".picture img").evaluate((image) => image.complete && image.naturalWidth > 600), "a large picture");
  await guest.look("lightbox");
  await lightbox.locator(".next").click();
  await until(async () => (await text(lightbox.locator(".position"))).startsWith("4 "), "photo 4");
  await lightbox.locator(".zoom").click();
  await until(async () => (await pressed(lightbox.locator(".zoom"))) === "true", "zoomed in");
  await guest.look("zoomed");
  await lightbox.locator(".close").click();
  await lightbox.waitFor({ state: "hidden" });
  same(new URL(page.url()).pathname, facts.path, "address afterwards");
  await page.goBack();
  await guest.leave();
}

export async function keyboard(browser, task, facts) {
  const guest = await Visitor.arrive(browser, task);
  const { page } = guest;
  await guest.open(facts.path);
  const focused = () => page.evaluate(() => document.activeElement.closest("li.photo")?.dataset.assetId ?? null);
  const unseen = [];
  for (let step = 0; (await focused()) === null || !(await page.evaluate(() => document.activeElement.matches("a.photo-link"))); step++) {
    same(step < 60, true, "tab leads to a photo");
    await page.keyboard.press("Tab");
    const plainly = await page.evaluate(() => {
      const style = getComputedStyle(document.activeElement);
      return document.activeElement === document.body || (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2) || style.boxShadow !== "none";
    });
    if (!plainly) unseen.push(await page.evaluate(() => document.activeElement.outerHTML.slice(0, 120)));
  }
  same(unseen, [], "focus that cannot be seen");
  await guest.look("focus");
  const from = await focused();
  await page.keyboard.press("Enter");
  const lightbox = page.locator("dialog#lightbox");
  await lightbox.waitFor();
  const position = () => text(lightbox.locator(".position"));
  const first = await position();
  await page.keyboard.press("ArrowRight");
  await until(async () => (await position()) !== first, "the next photo");
  await page.keyboard.press("ArrowLeft");
  await until(async () => (await position()) === first, "the previous photo");
  for (let step = 0; step < 30; step++) {
    await page.keyboard.press("Tab");
    same(await page.evaluate(() => document.activeElement === document.body || document.activeElement.closest("dialog")?.id === "lightbox"), true, "focus stays in the lightbox");
  }
  await page.keyboard.press("f");
  await introduce(page, "Kim");
  const heart = lightbox.locator("button.favorite").first();
  await until(async () => (await pressed(heart)) === "true", "a heart by F");
  await page.keyboard.press("c");
  const words = lightbox.locator("#comment-form textarea");
  await words.waitFor();
  await words.focus();
  await page.keyboard.type("Keys are enough. F, C, Z and arrows are letters here ←");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await lightbox.locator(".comment .words").first().waitFor();
  await page.keyboard.press("Escape");
  if (await lightbox.isVisible()) await page.keyboard.press("Escape");
  await lightbox.waitFor({ state: "hidden" });
  await until(async () => (await focused()) === from, "focus is back at the photo");
  await guest.leave();
}

export async function favorites(browser, task, facts) {
  const [guest, other] = [await Visitor.arrive(browser, task), await Visitor.arrive(browser, task)];
  await guest.open(facts.path);
  await other.open(facts.path);
  const heart = (visitor, index) => visitor.page.locator(`li.photo[data-asset-id="${facts.ids[index]}"] button.favorite`);
  await heart(guest, 1).click();
  await introduce(guest.page, "Anna <b>Lake</b>");
  await until(async () => (await pressed(heart(guest, 1))) === "true", "a heart");
  await heart(guest, 4).click();
  await until(async () => (await text(heart(other, 1).locator(".count"))) === "1", "the other sees the heart as it is given");
  same(await pressed(heart(other, 1)), "false", "it is not the other's");
  await guest.page.reload();
  same([await pressed(heart(guest, 1)), await pressed(heart(guest, 4)), await pressed(heart(guest, 0))], ["true", "true", "false"], "after a reload");
  same(await guest.page.locator("b:has-text('Lake')").count(), 0, "markup in a name");
  await guest.page.locator(".favorites-chip").click();
  await until(async () => (await guest.page.locator("li.photo").count()) === 2, "only favourites");
  await guest.look("favorites");
  await guest.leave();
  await other.leave();
}

export async function rollback(browser, task, facts) {
  const guest = await Visitor.arrive(browser, task);
  const { page } = guest;
  await guest.open(facts.path);
  guest.expect(503);
  const heart = page.locator("li.photo button.favorite").first();
  await page.route("**/favorite", (route) => route.fulfill({ status: 503, contentType: "application/json", body: '{"code":"busy","message":"The server is very busy.","remediation":[]}' }));
  await heart.click();
  const dialog = page.locator("dialog#who");
  if (await dialog.isVisible()) await dialog.locator(".skip").click();
  await page.locator("#notice:not(:empty)").waitFor();
  await until(async () => (await pressed(heart)) === "false", "the heart is taken back");
  await guest.look("refused");
  await guest.leave();
}

export async function talking(browser, task, facts) {
  const [guest, other] = [await Visitor.arrive(browser, task), await Visitor.arrive(browser, task)];
  const { page } = guest;
  await guest.open(facts.path);
  await other.open(facts.path);
  await page.locator("li.photo a.photo-link").first().click();
  const lightbox = page.locator("dialog#lightbox");
  await lightbox.locator("button.talk").click();
  await lightbox.locator("#comment-form textarea").fill("Could the sky be a little warmer? <script>alert(1)</script>");
  await lightbox.locator("#comment-form button.primary").click();
  if (await page.locator("dialog#who").isVisible()) await introduce(page, "Ben");
  await lightbox.locator(".comment .words").first().waitFor();
  same(await text(lightbox.locator(".comment .words").first()), "Could the sky be a little warmer? <script>alert(1)</script>", "words");
  const count = other.page.locator(`li.photo[data-asset-id="${facts.ids[0]}"] .comment-count`);
  await until(async () => (await count.isVisible()) && (await text(count)) === "1", "the other sees that something was said");
  const { items } = await photographer(task, "GET", `/galleries/${facts.id}/comments`);
  await photographer(task, "POST", `/galleries/${facts.id}/comments/${items[0].id}/replies`, { text: "With pleasure: tomorrow." });
  await until(async () => (await lightbox.locator(".comment").count()) === 2, "the reply arrives by itself");
  same(await text(lightbox.locator(".comment .words").nth(1)), "With pleasure: tomorrow.", "reply");
  await guest.look("comments");
  await guest.leave();
  await other.leave();
}

export async function further(browser, task, facts) {
  const guest = await Visitor.arrive(browser, task);
  const { page } = guest;
  await guest.open(facts.path);
  same(await page.locator("li.photo").count(), 200, "photos at first");
  await page.mouse.move(700, 500);
  await until(async () => {
    await page.mouse.wheel(0, 1500);
    return (await page.locator("li.photo").count()) === facts.photos;
  }, "all photos", 30);
  const ratios = await page.locator("li.photo").evaluateAll((all) => new Set(all.slice(200).map((one) => getComputedStyle(one).getPropertyValue("--r"))).size);
  same(ratios > 0, true, "proportions");
  same(await page.locator("a#more").count(), 0, "links to more");
  await guest.leave();
}

export async function comparing(browser, task, facts) {
  const guest = await Visitor.arrive(browser, task);
  const { page } = guest;
  await guest.open(facts.path);
  for (const many of [2, 3, 4]) {
    for (const index of [...Array(many).keys()]) {
      const box = page.locator("li.photo .pick input").nth(index);
      await box.evaluate((input) => input.scrollIntoView({ block: "center" }));
      await box.check({ force: true });
    }
    if (many === 3) await guest.look("picked");
    await page.locator("button#compare-selected").click();
    await page.locator(".compared").waitFor();
    same(await page.locator(".compared > li").count(), many, "side by side");
    await guest.look(`compare-${many}`);
    if (many < 4) await guest.open(facts.path);
  }
  await page.locator("button.zoom").click();
  await until(async () => (await pressed(page.locator("button.zoom"))) === "true", "zoomed in");
  const scales = await page.locator(".compared .picture").evaluateAll((all) => all.map((one) => getComputedStyle(one).transform + getComputedStyle(one.querySelector("img")).transform));
  same(new Set(scales).size, 1, "all zoomed alike");
  await guest.look("compare-zoomed");
  await guest.leave();
}

export async function selecting(browser, task, facts) {
  const guest = await Visitor.arrive(browser, task);
  const { page } = guest;
  const counter = page.locator(`#selection-bar [data-list="${facts.list}"] .counter`);
  await guest.open(`${facts.path}?list=${facts.list}`);
  const select = (index) => page.locator("li.photo button.select").nth(index);
  await select(0).click();
  await introduce(page, "Anna");
  await until(async () => (await pressed(select(0))) === "true", "chosen");
  await select(2).click();
  await until(async () => (await text(counter)).startsWith("2 "), "counted");
  guest.expect(409);
  await select(3).click(); // at once, as fingers do
  await select(4).click();
  await until(async () => (await pressed(select(4))) === "false", "the fourth is refused");
  await until(async () => (await text(counter)).startsWith("3 "), "three are counted");
  await guest.look("selecting");
  await page.locator(`#selection-bar [data-list="${facts.list}"]`).click();
  await page.locator("#submit-form").waitFor();
  await guest.look("summary");
  await page.locator("#submit-form textarea").fill("These three, please.");
  await page.locator("#submit-form button.primary").click();
  await page.locator("dialog#confirm").waitFor();
  const { x, width } = await page.locator("dialog#confirm").boundingBox();
  same(Math.abs(x + width / 2 - 720) < 20, true, `the question is in the middle, not at ${x}`);
  await guest.look("confirm");
  await page.locator("dialog#confirm .yes").click();
  await page.locator(".banner.done").waitFor();
  same(await page.locator("#submit-form").count(), 0, "forms once it is sent");
  await guest.look("submitted");
  await guest.open(`${facts.path}?list=${facts.list}`);
  same(await select(0).isDisabled(), true, "locked");
  await guest.leave();
}

export async function taking(browser, task, facts) {
  const guest = await Visitor.arrive(browser, task);
  const { page } = guest;
  await guest.open(`${facts.path}/photos/${facts.ids[0]}`);
  const saved = page.waitForEvent("download", { timeout: 30_000 });
  await page.locator("#panel a.download").first().click();
  const one = await saved;
  same(/\.jpe?g$/i.test(one.suggestedFilename()), true, `a photo's name: ${one.suggestedFilename()}`);
  await guest.open(`${facts.path}/downloads`);
  await guest.look("downloads");
  const all = page.waitForEvent("download", { timeout: 60_000 });
  await page.locator("#download-form button.download").click();
  const zip = await all;
  same(/\.zip$/i.test(zip.suggestedFilename()), true, `a zip's name: ${zip.suggestedFilename()}`);
  const bytes = await readFile(await zip.path());
  same([bytes.subarray(0, 4).toString("latin1"), bytes.includes("PK\u0005\u0006")], ["PK\u0003\u0004", true], "zip");
  await guest.leave();
}

export async function closing(browser, task, facts) {
  const guest = await Visitor.arrive(browser, task);
  guest.expect(404);
  await guest.open(facts.path);
  await guest.page.locator("li.photo").first().waitFor();
  await guest.page.waitForTimeout(500); // for the stream to be open
  await photographer(task, "POST", `/galleries/${facts.id}:unpublish`, {});
  const begun = Date.now();
  await until(async () => (await guest.page.locator("body").getAttribute("data-gallery-state").catch(() => null)) === "missing", "closed before the guest's eyes");
  same(Date.now() - begun < 5000, true, "within 5 s");
  await guest.leave();
}

export async function previewing(browser, task, facts) {
  const owner = await Visitor.arrive(browser, task);
  await owner.context.addCookies([{ name: "kilo_session", value: facts.session, url: task.origin }]);
  await owner.open(facts.path);
  await owner.page.locator(".banner").waitFor();
  same(await owner.page.locator("li.photo").count(), facts.photos, "photos");
  await owner.look("preview");
  await owner.leave();
}

export async function moving(browser, task, facts) {
  const calm = await Visitor.arrive(browser, task, { ...DESKTOP, reducedMotion: "reduce" });
  await calm.open(facts.path);
  await calm.page.locator("li.photo a.photo-link").first().click();
  await calm.page.locator("dialog#lightbox").waitFor();
  const moved = await calm.page.evaluate(() => {
    const long = (style) => `${style.transitionDuration},${style.animationDuration}`.split(",").some((one) => parseFloat(one) > 0.011);
    return [...document.querySelectorAll("*")].filter((one) => long(getComputedStyle(one))).map((one) => one.outerHTML.slice(0, 100));
  });
  same(moved, [], "what moves though it should not");
  await calm.leave();
}
