// HTTPS in a real Chromium: node https_test.mjs. Chromium trusts an authority of our own and is served over HTTP/2 by two masters, also
// while the primary is killed; a Chromium that does not trust it goes no further than the handshake.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { check, folder, freePorts, launch, processes, run, start, until } from './harness.mjs';

const at = (name) => join(folder, name);
const quietly = (program, ...args) => execFileSync(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

function makeCertificates() {
  quietly('openssl', 'req', '-x509', ...newKey, '-keyout', at('ca.key'), '-out', at('ca.pem'), '-days', '30', '-subj', '/CN=Tandem test');
  quietly('openssl', 'req', '-new', ...newKey, '-keyout', at('site.key'), '-out', at('site.csr'), '-subj', '/CN=localhost');
  writeFileSync(at('site.ext'), 'subjectAltName=DNS:localhost\n');
  quietly('openssl', 'x509', '-req', '-in', at('site.csr'), '-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial', '-days', '30', '-extfile', at('site.ext'), '-out', at('site.pem'));
}
// Where Chromium looks for authorities that its user has added.
function trust(home) {
  const store = join(home, '.pki', 'nssdb');
  mkdirSync(store, { recursive: true });
  quietly('certutil', '-d', `sql:${store}`, '-N', '--empty-password');
  quietly('certutil', '-d', `sql:${store}`, '-A', '-t', 'C,,', '-n', 'tandem', '-i', at('ca.pem'));
}

await run(async () => {
  makeCertificates();
  for (const home of ['trusting', 'doubting']) mkdirSync(at(home));
  trust(at('trusting'));

  const [a, b, plainA, plainB, tlsA, tlsB] = await freePorts(6);
  // Chromium may take the processors from them for a while.
  const shared = ['--election-timeout', '3s', '--worker-heartbeat', '200ms', '--tls', `${at('site.pem')},${at('site.key')}`];
  start('a', 'tandem-master', ['--node', 'a', '--control', `127.0.0.1:${a}`, '--listen', `127.0.0.1:${plainA}`, '--listen-tls', `127.0.0.1:${tlsA}`, '--peer', `b=127.0.0.1:${b}`, '--data-dir', at('a'), ...shared]);
  start('b', 'tandem-master', ['--node', 'b', '--control', `127.0.0.1:${b}`, '--listen', `127.0.0.1:${plainB}`, '--listen-tls', `127.0.0.1:${tlsB}`, '--peer', `a=127.0.0.1:${a}`, '--data-dir', at('b'), ...shared]);
  for (const name of ['w1', 'w2', 'w3']) {
    mkdirSync(at(name));
    start(name, 'tandem-worker', ['--name', name, '--listen', '127.0.0.1:0', '--state-dir', at(name), '--master', `127.0.0.1:${a}`, '--master', `127.0.0.1:${b}`]);
  }
  const status = async () => (await fetch(`http://127.0.0.1:${a}/status`)).json();
  await until('the cluster is protected', async () => { const s = await status(); return s.protected && s.workers.length === 3; });
  const primary = (await status()).primary.node;
  const standby = primary === 'a' ? tlsB : tlsA;

  const page = await (await launch(at('trusting'))).newPage();
  const answer = await page.goto(`https://localhost:${standby}/`);
  check(answer.status() === 200, 'a page is served over HTTPS');
  const security = await answer.securityDetails();
  check(security.protocol === 'TLS 1.3' && security.issuer === 'Tandem test', 'with TLS 1.3 and the certificate of the authority');
  const protocol = await page.evaluate(() => performance.getEntriesByType('navigation')[0].nextHopProtocol);
  check(protocol === 'h2', 'over HTTP/2');

  // Runs in the page: as many requests at once, of which so many were answered 200.
  const ask = (count, size) => page.evaluate(async ({ count, size }) => {
    const body = size > 0 ? 'x'.repeat(size) : undefined;
    const each = async (i) => (await fetch(`/${i}`, { method: body ? 'POST' : 'GET', body, cache: 'no-store' })).status;
    const statuses = await Promise.allSettled(Array.from({ length: count }, (_, i) => each(i)));
    return statuses.filter((one) => one.value === 200).length;
  }, { count, size });
  check((await ask(200, 0)) === 200, 'two hundred requests at once are answered');
  check((await ask(5, 1_000_000)) === 5, 'and uploads of a megabyte');

  let asked = 0, answered = 0;
  let killed = false;
  for (const end = Date.now() + 120_000; ;) {
    const all = await ask(20, 0);
    asked += 20;
    answered += all;
    if (!killed) {
      killed = true;
      processes.get(primary).kill('SIGKILL');
    } else if (asked >= 400) {
      break;
    }
    if (Date.now() > end) throw new Error('not in two minutes: four hundred requests');
  }
  check(answered === asked, `no request fails at the other master while the primary is killed: ${answered} of ${asked}`);

  const doubting = await (await launch(at('doubting'))).newPage();
  const refused = await doubting.goto(`https://localhost:${standby}/`).then(() => '', (error) => String(error));
  check(/ERR_CERT_AUTHORITY_INVALID/.test(refused), 'a browser that does not know the authority is not deceived');
});
