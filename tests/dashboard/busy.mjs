// A busy mesh that looks the same each time: six workers, six kinds of tasks, some failures, callbacks that
// nobody takes. For the picture, and for looking at the page by hand: node busy.mjs PATH_OF_TASKMESH
import { fileURLToPath } from "node:url";

import { Mesh, free_port, pause } from "./mesh.mjs";

// So long that what ends in the picture's two minutes fits on one page of a list: it is whole without the stream as well.
const kinds = [
  { name: "thumbnail", command: "sleep 1.6; echo 1", share: 8 },
  { name: "send_mail", command: "sleep 0.9; echo 1", share: 6 },
  { name: "index_page", command: "sleep 2.8; echo 1", share: 5 },
  { name: "convert_pdf", command: "sleep 6; echo 1", share: 3 },
  { name: "transcode", command: "sleep 9; echo 1", share: 2 },
  { name: "check_feed", command: "sleep 1.5; echo 'the feed answered 503' >&2; exit 1", share: 1 },
];
const names = ["amber", "birch", "cedar", "dahlia", "elm", "fir"];
const slots = [4, 4, 6, 4, 3, 6];
const priorities = ["normal", "normal", "high", "low", "normal", "critical", "low", "normal"];

/// The same row of numbers each time.
function* numbers(seed) {
  for (let state = seed; ; ) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield state / 2 ** 32;
  }
}

export async function start_busy(program) {
  const mesh = new Mesh(program, "studio");
  const exec = kinds.flatMap((kind) => ["--exec", `${kind.name}=${kind.command}`]);
  const common = [...exec, "--callback-attempts", "2"];
  await Promise.all(names.map((name, i) => mesh.worker("--name", name, "--slots", String(slots[i]), ...common)));
  const port = await free_port();
  await mesh.gateway(port);
  const url = `http://127.0.0.1:${port}`;
  const bag = kinds.flatMap((kind) => Array(kind.share).fill(kind.name));
  const dice = numbers(7);
  const roll = (list) => list[Math.floor(dice.next().value * list.length)];
  const nobody = await free_port();
  let sent = 0;
  let busy = true;
  const submit = async (count) => {
    const batch = Array.from({ length: count }, () => {
      const one = { name: roll(bag), args: [++sent], priority: roll(priorities) };
      if (sent % 41 === 5) Object.assign(one, { callback: `tcp://127.0.0.1:${nobody}`, callback_ttl: "3s" });
      if (one.name === "check_feed") Object.assign(one, { retries: 1, retry_delay: "400ms" });
      return one;
    });
    const answer = await fetch(`${url}/v1/batches`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(batch) });
    if (answer.status !== 202) throw new Error(await answer.text());
  };
  const feeding = (async () => {
    await submit(30);
    for (let round = 0; busy; ++round) {
      await submit(Math.max(1, Math.round(3.5 + 1.6 * Math.sin(round / 11) + 1.4 * Math.sin(round / 2.3))));
      await pause(500);
    }
  })();
  return {
    url,
    mesh,
    async end() {
      busy = false;
      await feeding.catch(() => {});
      await mesh.end();
    },
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const busy = await start_busy(process.argv[2]);
  console.log(busy.url);
  process.on("SIGINT", () => busy.end().then(() => process.exit(0)));
  process.on("SIGTERM", () => busy.end().then(() => process.exit(0)));
}
