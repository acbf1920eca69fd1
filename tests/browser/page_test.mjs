// The page in a real Chromium: node page_test.mjs [PICTURES-FOLDER]. Starts two masters and three workers, shows their states while
// a worker and then the primary are killed, drains by click, and asks axe. Any console error or outside request fails it.
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRequire } from 'node:module';
import { check, folder, freePorts, launch, processes, run, start, until } from './harness.mjs';

const pictures = process.argv[2];
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

await run(async () => {
  const [a, b, listenA, listenB] = await freePorts(4);
  const controls = ['--master', `127.0.0.1:${a}`, '--master', `127.0.0.1:${b}`];
  // Chromium may take the processors from them for a while.
  const patient = ['--election-timeout', '3s', '--worker-heartbeat', '200ms'];
  start('a', 'tandem-master', ['--node', 'a', '--control', `127.0.0.1:${a}`, '--listen', `127.0.0.1:${listenA}`, '--peer', `b=127.0.0.1:${b}`, '--data-dir', join(folder, 'a'), ...patient]);
  start('b', 'tandem-master', ['--node', 'b', '--control', `127.0.0.1:${b}`, '--listen', `127.0.0.1:${listenB}`, '--peer', `a=127.0.0.1:${a}`, '--data-dir', join(folder, 'b'), ...patient]);
  for (const name of ['w1', 'w2', 'w3']) {
    mkdirSync(join(folder, name));
    start(name, 'tandem-worker', ['--name', name, '--service', name === 'w3' ? 'reports' : 'default', '--listen', '127.0.0.1:0', '--state-dir', join(folder, name), ...controls]);
  }
  const status = async (port) => (await fetch(`http://127.0.0.1:${port}/status`)).json();
  await until('the cluster is protected', async () => { const s = await status(a); return s.protected && s.workers.length === 3 && s.voters.length === 5; });

  const browser = await launch();
  const page = await browser.newPage({ viewport: { width: 1600, height: 1000 } });
  const errors = [], outside = [], dead = new Set();
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('console', (message) => {
    // Chromium itself writes a line for each connection that is refused: those to a dead master are what is tested.
    if (message.type() === 'error' && ![...dead].some((port) => message.location().url.includes(`:${port}/`))) errors.push(message.text() + ' ' + message.location().url);
  });
  page.on('request', (request) => { if (!/^(http:\/\/127\.0\.0\.1:|data:)/.test(request.url()) || ![a, b].some((port) => request.url().includes(`:${port}/`) || request.url().startsWith('data:'))) outside.push(request.url()); });

  const primary = (await status(a)).primary.node;
  const [first, second] = primary === 'a' ? [a, b] : [b, a];
  await page.goto(`http://127.0.0.1:${first}/`);
  const text = (selector) => page.textContent(selector);
  await until('the page is live', async () => (await text('#live')) === 'live');
  await until('a protected cluster is shown as such', async () => (await text('#protection')) === 'Protected');
  check((await page.locator('.member').count()) === 5, 'masters and witnesses are shown');
  check(/primary/.test(await text('.member.leads')), 'who leads is marked');
  check((await page.locator('#workers tr[data-worker]').count()) === 3, 'all workers are shown');

  let loading = true;
  const load = (async () => {
    while (loading) {
      for (const port of [listenA, listenB]) await Promise.all(Array.from({ length: 6 }, () => fetch(`http://127.0.0.1:${port}/`).then((answer) => answer.text()).catch(() => '')));
      await new Promise((done) => setTimeout(done, 10));
    }
  })();
  const row = (name) => page.locator(`#workers tr[data-worker="${name}"]`);
  await row('w2').getByRole('button', { name: 'Drain' }).click();
  await page.locator('#dialog-yes').click();
  await until('a worker is drained by click', async () => /draining/.test(await row('w2').textContent()));
  await until('the change is among the events', async () => /w2 is drained/.test(await text('#events')));
  check(/by anybody from 127/.test(await text('#events')), 'the events tell who changed it');
  await row('w2').getByRole('button', { name: 'Undrain' }).click();
  await page.locator('#dialog-yes').click();
  await until('it gets requests again', async () => /up/.test(await row('w2').textContent()));

  await until('how long a worker takes is shown', async () => /\d ms · .*\d (ms|s)/.test(await row('w1').locator('.took').textContent()));

  const bare = await browser.newPage();
  await bare.route('**/charts.js', (route) => route.fulfill({ contentType: 'text/javascript', body: '' }));
  await bare.goto(`http://127.0.0.1:${first}/`);
  await until('a build without the library of the charts says so', async () => /has no charts/.test(await bare.textContent('#charts')));
  await bare.close();

  const standby = await browser.newPage();
  await standby.goto(`http://127.0.0.1:${second}/`);
  await until('a standby shows how long a worker takes, as the primary counts it', async () =>
    /\d ms · .*\d (ms|s)/.test(await standby.locator('#workers tr[data-worker="w1"] .took').textContent()) &&
    (await standby.textContent('#counted')).startsWith(`Load, rates and latencies are those of ${primary},`));
  check(await page.locator('#counted').isHidden(), 'the primary says nothing of the kind');
  await standby.route(`http://127.0.0.1:${first}/**`, (route) => route.abort());
  await until('a standby says where these figures are when the browser does not get them', async () =>
    (await standby.textContent('#counted')).includes('does not reach it') && (await standby.getAttribute('#counted a', 'href')) === `http://127.0.0.1:${first}`);
  await standby.close();

  const change = (method, path, body) => fetch(`http://127.0.0.1:${first}${path}`, { method, body, headers: { 'Content-Type': 'application/json' } });
  await change('POST', '/v1/routes', JSON.stringify({ prefix: '/pay', service: 'payments' }));
  await until('a service without workers, which a route names, is a reason not to be green', async () =>
    (await text('#protection-why')) === 'service payments has no worker that takes requests' && (await page.getAttribute('#health', 'data-state')) === 'warn' &&
    /payments.*no worker takes its requests/.test(await text('#workers')));
  await change('DELETE', '/v1/routes?prefix=/pay');
  for (const name of ['w1', 'w2', 'w3']) await change('POST', `/v1/workers/${name}/drain`);
  await until('a cluster whose workers all drain is red: no client is served', async () =>
    (await text('#protection')) === 'No service' && (await page.getAttribute('#health', 'data-state')) === 'bad' && /^none of 3 workers serves: w\d is draining/.test(await text('#protection-why')));
  check((await text('#protection-why')) === (await status(first)).verdict.why, 'the page says what the masters say, in their words');
  for (const name of ['w1', 'w2', 'w3']) await change('POST', `/v1/workers/${name}/undrain`);
  await until('it is green again once they take requests', async () => (await page.getAttribute('#health', 'data-state')) === 'good');

  processes.get('w3').kill('SIGKILL');
  await until('a killed worker is shown', async () => /down|suspect/.test(await row('w3').textContent()));
  await until('the lost witness is shown', async () => /silent/.test(await text('#members')));
  await until('there is traffic to show', async () => { const h = await (await fetch(`http://127.0.0.1:${first}/v1/history`)).json(); return h.requests.filter((each) => each > 0).length > (pictures ? 60 : 3); });

  for (const scheme of ['light', 'dark']) {
    for (const width of [1600, 400]) {
      await page.emulateMedia({ colorScheme: scheme });
      await page.setViewportSize({ width, height: width === 400 ? 900 : 1000 });
      await until(`the page fits ${width} pixels, ${scheme}`, () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
      await page.evaluate(axe);
      const found = await page.evaluate(() => axe.run());
      const serious = found.violations.filter((each) => ['serious', 'critical'].includes(each.impact));
      check(serious.length === 0, `axe finds nothing serious at ${width} pixels, ${scheme}: ${serious.map((each) => each.id + ' ' + each.nodes[0].html).join('; ')}`);
      if (pictures) await page.screenshot({ path: join(pictures, `page-${width}-${scheme}.png`) });
    }
  }
  await page.setViewportSize({ width: 1600, height: 1000 });

  dead.add(first);
  processes.get(primary).kill('SIGKILL');
  await until('the page goes on with the other master and says so', async () => /does not answer: this page goes on/.test(await text('#banner')));
  await until('the new primary is shown', async () => (await text('.member.leads b')) === (primary === 'a' ? 'b' : 'a'));
  await until('its takeover is among the events', async () => new RegExp(`${primary === 'a' ? 'b' : 'a'} leads`).test(await text('#events')));
  loading = false;
  await load;

  const survivor = processes.get(primary === 'a' ? 'b' : 'a');
  survivor.kill('SIGSTOP');
  await until('the page is red, and what it knows is grey, when no master answers', async () =>
    (await text('#protection')) === 'No master answers' && (await page.getAttribute('#health', 'data-state')) === 'bad' &&
    (await page.getAttribute('body', 'class')) === 'stale' && await page.locator('#banner').isHidden());
  check(/^None has since \d/.test(await text('#protection-why')) && /no master answers/.test(await page.title()), 'it says since when');
  survivor.kill('SIGCONT');
  await until('it goes on when that master is back', async () => (await text('.member.leads b')) === (primary === 'a' ? 'b' : 'a') && (await page.getAttribute('body', 'class')) === '');
  check(errors.length === 0, 'nothing is wrong on the console: ' + errors.join('; '));
  check(outside.length === 0, 'nothing is asked of anybody else: ' + outside.join(' '));

  const foreign = await fetch(`http://127.0.0.1:${second}/status`, { headers: { Origin: 'http://evil.example' } });
  check(!foreign.headers.has('access-control-allow-origin'), 'no other site may read');
});
