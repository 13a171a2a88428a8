// Plays scenes (scenes.mjs, plain.mjs, touch.mjs) in one Chromium: a line of JSON says which, a line says how it went.
//
//   node drive.mjs '{"chromium": PROGRAM, "origin": URL, "bearer": OF THE OWNER, "out": FOLDER FOR SCREENSHOTS, OR NULL}'
//   {"scene": NAME, "facts": {…}}  ->  {"fault": TEXT OR NULL, "axe": {STATE: VIOLATIONS}}
//
// The facts are what a scene needs to know of the gallery it is played in: its `path`, ids, passwords, counts.
import { createInterface } from "node:readline";
import * as plain from "./plain.mjs";
import * as scenes from "./scenes.mjs";
import * as touch from "./touch.mjs";
import { launch } from "./visitor.mjs";

const all = { ...scenes, ...plain, ...touch };
const house = JSON.parse(process.argv[2]);
const browser = await launch(house);
for await (const line of createInterface({ input: process.stdin })) {
  const { scene, facts } = JSON.parse(line);
  const task = { ...house, axe: {} };
  let fault = null;
  try {
    await all[scene](browser, task, facts);
  } catch (error) {
    fault = `${error.stack ?? error}`;
  }
  // a scene that broke off leaves its visitors behind
  await Promise.all(browser.contexts().map((context) => context.close()));
  console.log(JSON.stringify({ fault, axe: task.axe }));
}
await browser.close();
