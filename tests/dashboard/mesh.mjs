// Real processes for the browser tests: a mesh in a folder of its own, workers and gateways in front of it.
import { spawn } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export function free_port() {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/// A process, and what it says.
class Process {
  constructor(program, words, environment) {
    this.child = spawn(program, words, { env: environment, stdio: ["ignore", "pipe", "pipe"] });
    this.out = "";
    this.err = "";
    this.child.stdout.on("data", (data) => (this.out += data));
    this.child.stderr.on("data", (data) => (this.err += data));
    this.ended = new Promise((resolve) => this.child.on("close", resolve));
  }
  async until_said(text) {
    for (let i = 0; i < 600; ++i) {
      if (this.err.includes(text) || this.out.includes(text)) return;
      if (this.child.exitCode !== null) break;
      await pause(50);
    }
    throw new Error(`a process did not say '${text}':\n${this.err}${this.out}`);
  }
  async stop(signal = "SIGTERM") {
    if (this.child.exitCode === null) this.child.kill(signal);
    await this.ended;
  }
}

export class Mesh {
  constructor(program, name = "default") {
    this.program = program;
    this.folder = fs.mkdtempSync(path.join(os.tmpdir(), "taskmesh-dashboard."));
    this.environment = { PATH: process.env.PATH, HOME: this.folder, XDG_RUNTIME_DIR: this.folder, TASKMESH_CONFIG: "/dev/null", TASKMESH_MESH: name };
    this.processes = [];
  }
  start(...words) {
    const one = new Process(this.program, words, this.environment);
    this.processes.push(one);
    return one;
  }
  file(name, text, mode = 0o600) {
    const file = path.join(this.folder, name);
    fs.writeFileSync(file, text, { mode });
    return file;
  }
  async worker(...words) {
    const one = this.start("worker", ...words);
    await one.until_said("serves");
    return one;
  }
  /// Serves when it returns, and knows a worker that takes tasks.
  async gateway(port, ...words) {
    const one = this.start("gateway", "--http", `127.0.0.1:${port}`, ...words);
    await one.until_said("gateway serves");
    for (let i = 0; i < 200; ++i) {
      if ((await fetch(`http://127.0.0.1:${port}/readyz`)).ok) return one;
      await pause(50);
    }
    throw new Error("the gateway sees no worker");
  }
  /// Runs a command to its end; what it printed.
  async run(...words) {
    const one = this.start(...words);
    const code = await one.ended;
    if (code !== 0) throw new Error(`taskmesh ${words.join(" ")}: exit ${code}\n${one.err}`);
    return one.out.trim();
  }
  async end() {
    await Promise.all(this.processes.map((one) => one.stop("SIGKILL")));
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}
