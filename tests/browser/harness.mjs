// What the tests in Chromium share: processes of a cluster in a folder of their own, checks, and the browser.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

export const folder = mkdtempSync(join(tmpdir(), 'tandem-browser-'));
export const processes = new Map();
const browsers = [];
let passed = 0;

export function check(holds, what) {
  if (!holds) throw new Error('does not hold: ' + what);
  passed += 1;
  console.log('ok: ' + what);
}
export async function freePorts(count) {
  const servers = await Promise.all(Array.from({ length: count }, async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return server;
  }));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}
export function start(name, program, args) {
  processes.set(name, spawn(join(process.env.TANDEM_BIN, program), args, { stdio: 'ignore' }));
}
export async function until(what, holds) {
  for (const deadline = Date.now() + 120_000; ;) {
    if (await holds().catch(() => false)) { check(true, what); return; }
    if (Date.now() > deadline) throw new Error('not in two minutes: ' + what);
    await new Promise((done) => setTimeout(done, 100));
  }
}
// A Chromium, which keeps what it has in `home`.
export async function launch(home = folder) {
  const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
  const browser = await chromium.launch({ executablePath: process.env.TANDEM_CHROMIUM, args, env: { ...process.env, HOME: home } });
  browsers.push(browser);
  return browser;
}
// Runs the test, and leaves nothing behind.
export async function run(test) {
  try {
    await test();
  } finally {
    for (const each of browsers) await each.close();
    for (const each of processes.values()) each.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
  console.log(`${passed} passed, 0 failed`);
}
