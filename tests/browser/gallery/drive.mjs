// Plays scenes (scenes.mjs, plain.mjs, touch.mjs) in Chromium and prints, as one line of JSON, how each went.
//
//   node drive.mjs '{"chromium": PROGRAM, "origin": URL, "scenes": {NAME: FACTS, …}, "bearer": OF THE OWNER,
//                    "out": FOLDER FOR SCREENSHOTS, OR NULL}'
//
// FACTS are what a scene needs to know of the gallery it is played in: its `path`, ids, passwords, counts.
import * as plain from "./plain.mjs";
import * as scenes from "./scenes.mjs";
import * as touch from "./touch.mjs";
import { launch } from "./visitor.mjs";

const task = { ...JSON.parse(process.argv[2]), axe: {} };
const all = { ...scenes, ...plain, ...touch };
const browser = await launch(task);
const went = {};
try {
  for (const [name, facts] of Object.entries(task.scenes)) {
    const begun = Date.now();
    try {
      await all[name](browser, task, facts);
      went[name] = { fault: null, ms: Date.now() - begun };
    } catch (error) {
      went[name] = { fault: `${error.stack ?? error}`, ms: Date.now() - begun };
    }
  }
} finally {
  await browser.close();
}
console.log(JSON.stringify({ went, axe: task.axe }));
