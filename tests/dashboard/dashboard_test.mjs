// The dashboard in a real browser, with real workers and gateways behind it. tests/dashboard/run starts it.
import assert from "node:assert/strict";
import http from "node:http";
import { after, before, test } from "node:test";

import { close_page, linked, open_browser, open_page, state, submit, violations } from "./browser.mjs";
import { Mesh, free_port, pause } from "./mesh.mjs";

const program = process.env.TASKMESH_PROGRAM;
const hostile = `<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>`;
const hostile_task = "<b>bold</b>"; // A name of --exec ends at its first equals sign.
let mesh;
let browser;
let port;
let url;
let gateway;

before(async () => {
  mesh = new Mesh(program);
  browser = await open_browser();
  await mesh.worker("--builtin", "--name", "anna", "--slots", "4", "--exec", "nap=sleep 60", "--exec", `${hostile_task}=echo 1`);
  await mesh.worker("--builtin", "--name", "bert", "--slots", "4", "--exec", "nap=sleep 60");
  port = await free_port();
  url = `http://127.0.0.1:${port}`;
  gateway = await mesh.gateway(port);
});

after(async () => {
  await browser?.close();
  await mesh?.end();
});

test("a task is submitted, watched while it runs, and its result read", async () => {
  const page = await open_page(browser, url);
  await linked(page);
  await page.waitForSelector('.node .hit[aria-label^="anna: alive"]');
  await submit(page, "sleep_ms", "[2500]", { priority: "high" });
  await state(page, "running");
  await page.waitForSelector('.timeline li:has-text("Attempt 1 started")');
  await state(page, "success");
  await page.waitForSelector('.timeline li:has-text("Succeeded")');
  await page.waitForSelector("#task-dialog .outcome pre");
  assert.match(await page.textContent("#task-dialog .bar"), /waited \d.*, ran [2-9]/);
  await page.keyboard.press("Escape");
  await page.waitForSelector('#rows tr:has-text("sleep_ms") .chip[data-state="success"]');
  await page.waitForFunction(() => /[1-9]\d* tasks succeeded/.test(document.querySelector("#rate svg").getAttribute("aria-label")));
  await close_page(page);
});

test("what is wrong in the form is said beside it", async () => {
  const page = await open_page(browser, url);
  await linked(page);
  const refused = async (name, args, more, words) => {
    await page.reload();
    await linked(page);
    await page.click("#submit-button");
    await page.fill("#submit-name", name);
    await page.fill("#submit-args", args);
    for (const [field, value] of Object.entries(more)) await page.fill(`#submit-form [name="${field}"]`, value);
    await page.click("#submit-form button.primary");
    await page.waitForFunction((text) => document.getElementById("submit-errors").textContent.includes(text), words);
  };
  await refused("", "[]", {}, "Name");
  await refused("add", "{}", {}, "no array");
  await refused("add", "[1,", {}, "no JSON");
  await refused("add", "[1, 2]", { countdown: "soon" }, "countdown");
  await refused("nosuch", "[]", {}, "nosuch");
  await close_page(page);
});

test("a running task is cancelled", async () => {
  const page = await open_page(browser, url);
  await linked(page);
  await submit(page, "nap", "[]");
  await state(page, "running");
  await page.click("#cancel");
  await state(page, "cancelled");
  await page.waitForSelector('.timeline li:has-text("Cancelled")');
  assert.equal(await page.locator("#cancel").count(), 0);
  await close_page(page);
});

test("a timeline has each attempt that was seen, and the error", async () => {
  const page = await open_page(browser, url);
  await linked(page);
  await submit(page, "fail", '["the disk is full"]', { retries: "2" });
  await state(page, "failure");
  await page.waitForSelector('.timeline li:has-text("Attempt 3 started")');
  assert.match(await page.textContent("#task-dialog .outcome"), /the disk is full/);
  await close_page(page);
});

test("a callback that was given up is shown, replayed and delivered", async () => {
  const away = await free_port();
  const address = `tcp://127.0.0.1:${away}`;
  const id = await mesh.run("submit", "add", "2", "3", "--no-wait", "--callback", address, "--callback-ttl", "1s");
  const page = await open_page(browser, url);
  await linked(page);
  const row = page.locator(`.callback-list li:has-text("${address}")`);
  await row.locator('.chip:has-text("given up")').waitFor();
  await row.locator("a").click();
  await page.waitForSelector('#task-dialog .timeline li:has-text("Callback not delivered") .facts');
  await page.keyboard.press("Escape");
  const listener = mesh.start("listen", address);
  await row.locator('button:has-text("Replay")').click();
  await page.waitForSelector(".toast.done");
  await listener.until_said(id);
  await row.waitFor({ state: "detached" });
  await page.waitForSelector("#callbacks .empty:has-text('All callbacks were delivered')");
  await listener.stop();
  await close_page(page);
});

test("each attempt at a webhook is in the timeline of its task", async () => {
  let posts = 0;
  const receiver = http.createServer((request, response) => {
    request.resume();
    request.on("end", () => (++posts === 1 ? response.writeHead(503, { "Retry-After": "1" }) : response.writeHead(204)).end());
  });
  await new Promise((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${receiver.address().port}`;
  const id = await mesh.run("submit", "add", "2", "3", "--no-wait", "--callback", `${origin}/hook?key=hunter2`);
  const page = await open_page(browser, `${url}/#task=${id}`);
  await page.waitForSelector('.timeline li:has-text("Webhook delivery 1"):has-text("answered 503")');
  await page.waitForSelector('.timeline li:has-text("Webhook delivery 2"):has-text("answered 204")');
  await page.waitForSelector('.timeline li:has-text("Callback delivered")');
  const told = await page.textContent(".timeline");
  assert.ok(told.indexOf("Webhook delivery 1") < told.indexOf("Webhook delivery 2"));
  assert.ok(told.includes(origin) && !told.includes("hunter2"));
  receiver.close();
  await close_page(page);
});

test("queues are shown by priority", async () => {
  const page = await open_page(browser, url);
  await linked(page);
  const batch = Array.from({ length: 12 }, (_, i) => ({ name: "nap", args: [], priority: i < 8 ? "critical" : "low" }));
  const answer = await fetch(`${url}/v1/batches`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(batch) });
  assert.equal(answer.status, 202);
  const { tasks } = await answer.json();
  await page.waitForFunction(() => Number(document.querySelector('[data-priority="low"] .num').textContent) === 4);
  await page.selectOption("#filter-state", "running");
  await page.waitForFunction(() => document.querySelectorAll('#rows tr .chip[data-state="running"]').length === document.querySelectorAll("#rows tr").length);
  await page.fill("#filter-id", tasks[11].task_id);
  await page.selectOption("#filter-state", "queued");
  await page.waitForFunction(() => document.querySelectorAll("#rows tr").length === 1);
  for (const { task_id } of tasks) await fetch(`${url}/v1/tasks/${task_id}`, { method: "DELETE" });
  await page.waitForFunction(() => document.querySelectorAll("#rows tr").length === 0);
  await page.waitForFunction(() => document.querySelector('[data-priority="low"] .num').textContent === "0");
  await close_page(page);
});

test("light and dark as the system says, or as the switch says, which is remembered", async () => {
  const page = await open_page(browser, url, { colorScheme: "dark" });
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const dark = await ground();
  await page.emulateMedia({ colorScheme: "light" });
  const light = await ground();
  assert.notEqual(light, dark);
  await page.click("#theme"); // light
  await page.click("#theme"); // dark
  assert.equal(await ground(), dark);
  await page.reload();
  assert.equal(await ground(), dark);
  assert.equal(await page.textContent("#theme"), "Theme: dark");
  await close_page(page);
});

test("a lost connection is said plainly, and comes back by itself", async () => {
  const page = await open_page(browser, url);
  await linked(page);
  await page.waitForSelector(".node");
  await gateway.stop("SIGKILL");
  try {
    await page.waitForSelector('#link[data-link="lost"]');
    await page.waitForSelector('#banner:has-text("The connection to the gateway is lost")');
    assert.match(await page.textContent("#banner"), /What you see is from \d\d:\d\d:\d\d/);
    assert.deepEqual(await violations(page), []);
  } finally {
    gateway = await mesh.gateway(port);
  }
  await linked(page);
  await page.waitForSelector("#banner", { state: "hidden" });
  await submit(page, "add", "[20, 22]");
  await state(page, "success");
  assert.equal(await page.textContent("#task-dialog .outcome pre"), "42");
  await close_page(page);
});

test("with the stream of events the page says Live, and hears of a task by nothing else", async () => {
  const page = await open_page(browser, url);
  await page.waitForSelector('#link[data-link="live"]');
  assert.match(await page.textContent("#link"), /Live/);
  // From here on no list knows anything.
  await page.route("**/v1/tasks?*", (route) => route.fulfill({ status: 200, contentType: "application/json", body: '{"tasks":[],"next":null,"silent":[]}' }));
  const id = await mesh.run("submit", "add", "20", "22", "--no-wait");
  await page.fill("#filter-id", id.slice(-12));
  await page.waitForSelector('#rows tr:has-text("add") .chip[data-state="success"]');
  assert.equal(await page.getAttribute("#link", "data-link"), "live");
  await close_page(page);
});

test("a stream that breaks or is not there is no loss: the page asks instead, and says so", async () => {
  const page = await open_page(browser, "about:blank");
  await page.route("**/v1/events*", (route) => route.fulfill({ status: 403, contentType: "application/problem+json", body: '{"detail":"not for this key"}' }));
  await page.goto(url);
  await page.waitForSelector('#link[data-link="polling"]');
  await page.waitForFunction(() => document.getElementById("link").title.includes("not for this key"));
  await page.waitForSelector('#foot:has-text("Asking every second: no stream of events: not for this key")');
  const id = await mesh.run("submit", "add", "1", "1", "--no-wait");
  await page.fill("#filter-id", id);
  await page.waitForSelector('#rows .chip[data-state="success"]');
  assert.equal(await page.isVisible("#banner"), false);
  await close_page(page);
});

test("a phone sees all of it: nothing is wider than the screen, and fingers find the buttons", async () => {
  const page = await open_page(browser, url, { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true });
  await linked(page);
  await page.waitForSelector("#rows tr");
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 390);
  const low = await page.$$eval("button", (all) => all.filter((one) => one.offsetParent && one.getBoundingClientRect().height < 44).map((one) => one.textContent));
  assert.deepEqual(low, []);
  await page.locator("#rows a").first().tap();
  await page.waitForSelector("#task-dialog[open] .timeline");
  assert.equal(await page.evaluate(() => document.getElementById("task-dialog").getBoundingClientRect().width), 390);
  assert.deepEqual(await violations(page), []);
  await page.locator("#task-dialog .close").tap();
  assert.deepEqual(await violations(page), []);
  await close_page(page);
});

test("all can be done by keyboard: submit, read, close, look at a worker", async () => {
  const page = await open_page(browser, url);
  await linked(page);
  await page.waitForSelector("#submit-button:visible");
  const tab_to = async (selector) => {
    for (let i = 0; i < 60; ++i) {
      if (await page.evaluate((wanted) => document.activeElement?.matches(wanted), selector)) return;
      await page.keyboard.press("Tab");
    }
    assert.fail(`no way by Tab to ${selector}`);
  };
  await tab_to("#submit-button");
  await page.keyboard.press("Enter");
  await page.keyboard.type("add");
  await tab_to("#submit-args");
  await page.keyboard.press("Control+A");
  await page.keyboard.type("[3, 4]");
  await page.keyboard.press("Control+Enter");
  await page.waitForSelector("#task-dialog[open]");
  await state(page, "success");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Close");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#task-dialog", { state: "hidden" });
  await tab_to(".hit");
  await page.keyboard.press("Enter");
  await page.waitForSelector('#task-dialog[open] h2:has-text("anna"), #task-dialog[open] h2:has-text("bert")');
  await page.keyboard.press("Escape");
  await page.waitForSelector("#task-dialog", { state: "hidden" });
  assert.equal(await page.evaluate(() => document.activeElement.matches(".hit")), true);
  await close_page(page);
});

test("hostile names, results and errors are text, and run nothing", async () => {
  const page = await open_page(browser, url);
  await linked(page);
  await submit(page, "echo", JSON.stringify([hostile]));
  await state(page, "success");
  await page.waitForSelector("#task-dialog .outcome pre");
  assert.ok((await page.textContent("#task-dialog .outcome pre")).includes("<img src=x"));
  await page.keyboard.press("Escape");
  await submit(page, "fail", JSON.stringify([hostile]));
  await state(page, "failure");
  assert.ok((await page.textContent("#task-dialog .outcome")).includes("<script>"));
  await page.keyboard.press("Escape");
  await submit(page, hostile_task, "[]");
  await state(page, "success");
  assert.equal(await page.textContent("#task-title"), hostile_task);
  await page.keyboard.press("Escape");
  await page.waitForSelector('#rows a:text-is("<b>bold</b>")');
  assert.equal(await page.evaluate(() => window.hacked), undefined);
  assert.equal(await page.locator("main img, main b, dialog img, main script, dialog script").count(), 0);
  const refused = await page.evaluate(() => {
    try {
      document.getElementById("mesh-name").innerHTML = "<i>x</i>";
      return false;
    } catch {
      return true;
    }
  });
  assert.equal(refused, true); // Trusted Types: the page could not even if it wanted to.
  await close_page(page, /TrustedHTML|require-trusted-types-for/);
});

test("with keys the page asks for one, keeps it in the tab, and offers what its role allows", async () => {
  const keys = { read: "read-0123456789abcdef01", submit: "submit-0123456789abcdef", admin: "admin-0123456789abcdef0" };
  const file = mesh.file("keys", Object.entries(keys).map(([role, key]) => `${role} ${role}er ${key}\n`).join(""));
  const guarded = await free_port();
  await mesh.gateway(guarded, "--keys", file);
  const away = `tcp://127.0.0.1:${await free_port()}`;
  await mesh.run("submit", "add", "2", "3", "--no-wait", "--callback", away);
  const page = await open_page(browser, `http://127.0.0.1:${guarded}`);
  await page.waitForSelector("#key-dialog[open]");
  assert.deepEqual(await violations(page), []);
  await page.fill("#key-input", "nobody-has-this-key-here");
  await page.keyboard.press("Enter");
  await page.waitForSelector('#key-text:has-text("not taken any more")');
  const with_key = async (role) => {
    if (!(await page.isVisible("#key-dialog"))) await page.click("#key-button");
    await page.fill("#key-input", keys[role]);
    await page.keyboard.press("Enter");
    await linked(page);
    await page.waitForSelector(`#foot:has-text("role ${role}")`);
    await page.waitForSelector(`.callback-list li:has-text("${away}")`);
    const button = (text) => page.locator(`button:has-text("${text}"):visible`).count();
    return { submits: await button("Submit a task"), replays: (await button("Replay all")) > 0 };
  };
  assert.deepEqual(await with_key("read"), { submits: 0, replays: false });
  assert.match(await page.textContent("#callbacks"), /Replaying takes a key with role admin/);
  assert.deepEqual(await with_key("submit"), { submits: 1, replays: false });
  assert.deepEqual(await with_key("admin"), { submits: 1, replays: true });
  await page.reload(); // The tab keeps it.
  await page.waitForSelector('#foot:has-text("role admin")');
  assert.equal(await page.evaluate(() => localStorage.getItem("taskmesh-key")), null);
  assert.ok(!(await page.content()).includes(keys.admin));
  await page.click("#key-button");
  await page.click("#key-forget");
  await page.waitForSelector('#link[data-link="key"]');
  await close_page(page);
});

for (const colorScheme of ["light", "dark"]) {
  test(`axe finds nothing to complain of, ${colorScheme}`, async () => {
    const page = await open_page(browser, url, { colorScheme, reducedMotion: "reduce" });
    await linked(page);
    await page.waitForSelector("#rows tr");
    assert.deepEqual(await violations(page), []);
    await page.click("#submit-button");
    assert.deepEqual(await violations(page), []);
    await page.keyboard.press("Escape");
    for (const name of ["fail", "nap", "echo"]) {
      await submit(page, name, '["x"]');
      await state(page, { fail: "failure", nap: "running", echo: "success" }[name]);
      await pause(300);
      assert.deepEqual(await violations(page), []);
      if (name === "nap") await page.click("#cancel");
      if (name === "nap") await state(page, "cancelled");
      await page.keyboard.press("Escape");
    }
    await page.locator(".hit").first().click();
    await page.waitForSelector("#task-dialog[open]");
    assert.deepEqual(await violations(page), []);
    await close_page(page);
  });
}
