// The picture of the README: a busy mesh in the browser. Written anew where TASKMESH_REWRITE_PICTURES is set.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { close_page, linked, open_browser, open_page, violations } from "./browser.mjs";
import { start_busy } from "./busy.mjs";
import { pause } from "./mesh.mjs";

const size_max = 300_000;

test("a busy mesh is drawn: all its workers, what waits, what ends, callbacks that nobody takes", async () => {
  const busy = await start_busy(process.env.TASKMESH_PROGRAM);
  const browser = await open_browser();
  try {
    const page = await open_page(browser, busy.url, { viewport: { width: 1440, height: 1180 } });
    await linked(page);
    const rewrite = process.env.TASKMESH_REWRITE_PICTURES;
    await pause(rewrite ? 118_000 : 20_000); // The charts hold two minutes.
    assert.equal(await page.locator(".node").count(), 6);
    await page.waitForSelector('.callback-list .chip:has-text("given up")');
    const rates = await page.getAttribute("#rate svg", "aria-label");
    assert.match(rates, /[1-9]\d* tasks succeeded and [1-9]\d* did not/);
    const picture = await page.screenshot();
    assert.ok(picture.length < size_max, `${picture.length} octets`);
    if (rewrite) {
      const folder = fileURLToPath(new URL("../../docs/pictures", import.meta.url));
      fs.mkdirSync(folder, { recursive: true });
      fs.writeFileSync(path.join(folder, "dashboard.png"), picture);
    }
    assert.deepEqual(await violations(page), []);
    await close_page(page);
  } finally {
    await browser.close();
    await busy.end();
  }
});
