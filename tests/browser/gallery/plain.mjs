// The whole journey without scripts.
import { DESKTOP, Visitor, same } from "./visitor.mjs";

// Every link and every button leads to another page here.
async function follow(page, locator) {
  const arrived = page.waitForEvent("load");
  await locator.click();
  await arrived;
}

export async function scriptless(browser, task, facts) {
  const guest = await Visitor.arrive(browser, task, { ...DESKTOP, javaScriptEnabled: false });
  const { page } = guest;
  guest.expect(401);
  await guest.open(facts.path);
  await page.locator("#password-form input[name=password]").fill("not it");
  await follow(page, page.locator("#password-form button"));
  same((await page.locator("#notice").innerText()).length > 0, true, "a word about the wrong password");
  await page.locator("#password-form input[name=password]").fill(facts.password);
  await follow(page, page.locator("#password-form button"));
  same(await page.locator("li.photo").count(), facts.photos, "photos");
  await guest.look("plain-grid");
  // who
  await follow(page, page.locator("a.who"));
  await page.locator("#guest-form input[name=name]").fill("Plain <i>Jo</i>");
  await follow(page, page.locator("#guest-form button.primary"));
  // a heart in the grid
  await guest.open(facts.path);
  await follow(page, page.locator("li.photo button.favorite").nth(1));
  same(await page.locator("li.photo button.favorite").nth(1).getAttribute("aria-pressed"), "true", "a heart");
  // a photo's page, its neighbours, a comment, a reply
  await follow(page, page.locator("li.photo a.photo-link").first());
  same(new URL(page.url()).pathname, `${facts.path}/photos/${facts.ids[0]}`, "address");
  await guest.look("plain-photo");
  await follow(page, page.locator("a.next"));
  same(new URL(page.url()).pathname, `${facts.path}/photos/${facts.ids[1]}`, "next");
  await follow(page, page.locator("a.previous"));
  await page.locator("#comment-form textarea").fill("No script ran for this.\nTwo lines.");
  await follow(page, page.locator("#comment-form button.primary"));
  same(await page.locator(".comment .words").first().innerText(), "No script ran for this.\nTwo lines.", "words");
  await page.locator("details.answer summary").first().click();
  await page.locator("details.answer textarea").first().fill("Nor for this.");
  await follow(page, page.locator("details.answer button").first());
  same(await page.locator(".comment").count(), 2, "a reply");
  await guest.look("plain-comments");
  // a selection
  await guest.open(`${facts.path}?list=${facts.list}`);
  for (const index of [0, 1]) await follow(page, page.locator("li.photo button.select").nth(index));
  await follow(page, page.locator("#selection-bar a").first());
  same(await page.locator("li.photo").count(), 2, "chosen");
  await guest.look("plain-summary");
  await follow(page, page.locator("#submit-form button.primary"));
  same(await page.locator(".banner.done").count(), 1, "sent");
  // side by side
  await guest.open(facts.path);
  for (const index of [0, 1, 2]) await page.locator("li.photo .pick input").nth(index).check({ force: true });
  await follow(page, page.locator("button#compare-selected"));
  same(await page.locator(".compared > li").count(), 3, "side by side");
  await guest.look("plain-compare");
  await guest.leave();
}

export async function turning(browser, task, facts) {
  const guest = await Visitor.arrive(browser, task, { ...DESKTOP, javaScriptEnabled: false });
  await guest.open(facts.path);
  same(await guest.page.locator("li.photo").count(), 200, "photos on the first page");
  await follow(guest.page, guest.page.locator("a#more"));
  same(await guest.page.locator("li.photo").count(), facts.photos - 200, "photos on the second");
  await guest.leave();
}
