// A browser for the tests: Debian's chromium, driven by playwright-core; pages that tell their faults; axe.
import assert from "node:assert/strict";
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const modules = createRequire(path.join(process.env.TASKMESH_DASHBOARD_MODULES, "package.json"));
const { chromium } = modules("playwright-core");
const axe = fs.readFileSync(modules.resolve("axe-core/axe.min.js"), "utf8");

export async function open_browser() {
  return chromium.launch({
    executablePath: process.env.TASKMESH_BROWSER ?? "/usr/bin/chromium",
    // Chromium's sandbox wants a user that is not root, and namespaces; what it opens here is our own page.
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });
}

/// A page of its own context. `page.faults`: errors of scripts and of the policy; the test asks that there are none.
export async function open_page(browser, url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 1000 }, locale: "en-GB", colorScheme: "light", ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  page.faults = [];
  page.on("pageerror", (error) => page.faults.push(String(error.stack ?? error)));
  page.on("console", (message) => {
    const lost = /Failed to load resource/.test(message.text()); // What a page without its gateway says; shown by the banner.
    if (message.type() === "error" && !lost) page.faults.push(message.text());
  });
  await page.addInitScript(() => addEventListener("securitypolicyviolation", (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`)));
  await page.goto(url);
  return page;
}

/// `expected`: faults that the test made by itself.
export async function close_page(page, expected = /^$/) {
  const faults = page.faults.filter((fault) => !expected.test(fault));
  await page.context().close();
  assert.deepEqual(faults, []);
}

/// What axe finds wrong, for people. It runs outside of the page's own policy.
export async function violations(page) {
  await page.evaluate(axe);
  const { violations: found } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return found.flatMap((one) => one.nodes.map((node) => `${one.id}: ${node.target.join(" ")}: ${node.failureSummary}`));
}

/// Until the link says so.
export const linked = (page) => page.waitForSelector('#link[data-link="live"], #link[data-link="polling"]');

/// Fills the form and sends it; the drawer of the task is open then.
export async function submit(page, name, args, more = {}) {
  await page.click("#submit-button");
  await page.fill("#submit-name", name);
  await page.fill("#submit-args", args);
  for (const [field, value] of Object.entries(more)) {
    const input = page.locator(`#submit-form [name="${field}"]`);
    if (field === "priority") await input.selectOption(value);
    else await input.fill(value);
  }
  await page.click("#submit-form button.primary");
  await page.waitForSelector("#task-dialog[open]");
}

export const state = (page, word) => page.waitForSelector(`#task-dialog .row .chip[data-state="${word}"]`);
