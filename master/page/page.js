// The page of a Tandem cluster: asks one master with GET, follows its events, and goes on with another one when it dies.
// What it changes it asks of the master that served it alone.
'use strict';
const $ = (id) => document.getElementById(id);
const own = location.origin;
const seen = { base: own, masters: new Map(), status: null, at: 0, rates: new Map(), history: null, latency: {}, counts: own, verdict: null, last: null, answered: Date.now() };
let stream = null, refreshing = false, again = false, switching = false;
const token = () => sessionStorage.getItem('tandem-token') || '';

function make(tag, text, attributes = {}) {
  const node = document.createElement(tag);
  if (text) node.textContent = text;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}
const pill = (text, state) => make('span', text, { class: 'pill', 'data-state': state });
const number = (value) => value >= 1e6 ? (value / 1e6).toFixed(1) + 'M' : value >= 1e4 ? (value / 1e3).toFixed(1) + 'k' : String(Math.round(value * 10) / 10);
const ms = (value) => value === 0 ? '–' : value < 10 ? value.toFixed(1) + ' ms' : value < 1000 ? Math.round(value) + ' ms' : (value / 1000).toFixed(1) + ' s';
const count = (n, word) => `${n} ${word}${n === 1 ? '' : 's'}`;

class Refused extends Error {
  constructor(status, message) { super(message); this.status = status; }
}
async function ask(base, path, options = {}, patience = 2500) {
  const headers = { ...options.headers };
  if (token()) headers.Authorization = 'Bearer ' + token();
  const answer = await fetch(base + path, { ...options, headers, cache: 'no-store', credentials: 'omit', signal: options.signal || AbortSignal.timeout(patience) });
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => ({}));
  throw new Refused(answer.status, problem.error ? problem.error.message : 'status ' + answer.status);
}
const read = async (base, path) => (await ask(base, path)).json();

// ---- where the numbers come from
function nameOf(base) { return seen.masters.get(base) || base.replace(/^https?:\/\//, ''); }

async function learnMasters() {
  const { masters } = await read(seen.base, '/v1/masters');
  for (const master of masters) {
    const address = master.control || master.address;
    if (address && !/^(0\.0\.0\.0|\[::\]):/.test(address)) seen.masters.set(location.protocol + '//' + address, master.name);
  }
}

async function moveTo(base) {
  if (base === seen.base) return;
  const from = seen.base;
  seen.base = base;
  seen.history = null;
  seen.rates.clear();
  seen.latency = {};
  seen.status = null;
  seen.counts = base;
  if (stream) stream.abort();
  follow();
  $('banner').textContent = base === own ? '' : `${nameOf(from)} does not answer: this page goes on with ${nameOf(base)}.`;
}

// Whether another master answers, which the page goes on with, or asks for a token.
async function findMaster() {
  if (switching) return true;
  switching = true;
  let found = false;
  const others = [own, ...seen.masters.keys()].filter((base, i, all) => base !== seen.base && all.indexOf(base) === i);
  for (const base of others) {
    try {
      await ask(base, '/status', {}, 1500);
      await moveTo(base);
      found = true;
      break;
    } catch (problem) {
      if (problem.status !== 401) continue;
      askToken(problem);
      found = true;
    }
  }
  switching = false;
  return found;
}

// What is shown is what was known when a master answered last.
function showSilence() {
  document.body.classList.add('stale');
  document.title = 'Tandem · no master answers';
  $('banner').hidden = true;
  $('health').dataset.state = 'bad';
  $('protection').textContent = 'No master answers';
  $('protection-why').textContent = `None has since ${new Date(seen.answered).toLocaleTimeString([], { hour12: false })}. All else here is what was known then.`;
  $('switchover').disabled = true;
}

function live(state, text) {
  const pillNow = $('live');
  if (pillNow.textContent === text) return;
  pillNow.dataset.state = state;
  pillNow.textContent = text;
}

async function refresh() {
  if (refreshing) { again = true; return; }
  refreshing = true;
  let answered = false;
  try {
    const status = await read(seen.base, '/status');
    answered = true;
    seen.answered = Date.now();
    $('ask-token').hidden = true;
    await countRequests(status);
    note(status);
    show(status);
    live('good', 'live');
    const since = seen.history ? seen.history.begin + seen.history.requests.length - 1 : 0;
    addHistory(await read(seen.base, '/v1/history?since=' + since));
    seen.latency = seen.counts ? (await read(seen.counts, '/v1/latency').catch(() => ({ workers: {} }))).workers : {};  // an older master has none
    if (seen.masters.size === 0 || Math.random() < 0.2) await learnMasters();
  } catch (problem) {
    if (problem.status === 401 || problem.status === 403) askToken(problem);
    else {
      live('bad', 'no answer');
      if (!await findMaster() && !answered && !(problem instanceof Refused)) showSilence();
    }
  }
  refreshing = false;
  if (again) { again = false; setTimeout(refresh, 50); }
}

// A master that asks no worker itself has counted nothing: what the primary has counted is shown in its place. Without that,
// `seen.counts` is empty.
async function countRequests(status) {
  const forwards = status.role === 'primary' || status.grant_ms !== undefined || !status.primary;
  const base = forwards ? seen.base : location.protocol + '//' + status.primary.control;
  const counted = forwards ? status : await ask(base, '/status', {}, 1000).then((answer) => answer.json()).catch(() => null);
  const counts = counted ? base : '';
  if (counts !== seen.counts) { seen.rates.clear(); seen.status = null; }
  seen.counts = counts;
  seen.verdict = !forwards && counted ? counted.verdict : null;
  const known = new Map((counted ? counted.workers : []).map((worker) => [worker.name, worker]));
  for (const worker of status.workers) {
    const { in_flight = 0, requests = 0, failures = 0, failures_in_a_row = 0, reason = '' } = known.get(worker.name) || {};
    Object.assign(worker, { in_flight, requests, failures, failures_in_a_row });
    if (!worker.reason && worker.state === 'up') worker.reason = reason;
  }
  const leads = status.primary && status.primary.node;
  $('counted').hidden = forwards;
  $('counted').replaceChildren();
  if (forwards) return;
  if (counted) $('counted').append(`Load, rates and latencies are those of ${leads}, which passes the requests to the workers.`);
  else $('counted').append(`${leads} passes the requests to the workers, and this browser does not reach it: load, rates and latencies are on `, make('a', `its page`, { href: base }), '.');
}

async function goHome() {
  if (seen.base === own || switching) return;
  try { await ask(own, '/status', {}, 1500); await moveTo(own); refresh(); } catch { /* not yet */ }
}

function askToken(problem) {
  live('warn', 'needs a token');
  $('ask-token').hidden = false;
  if (token()) $('token-error').textContent = problem.message;
}
$('ask-token').addEventListener('submit', (event) => {
  event.preventDefault();
  sessionStorage.setItem('tandem-token', $('token').value.trim());
  $('token').value = '';
  refresh();
  if (stream) stream.abort();
  follow();
});

// ---- events
async function follow() {
  const mine = stream = new AbortController();
  const base = seen.base;
  try {
    const since = seen.last ? '&since=' + encodeURIComponent(seen.last) : '';
    const { events } = await read(base, '/events?limit=300' + since);
    events.forEach(addEvent);
    const answer = await ask(base, '/events' + (seen.last ? '?since=' + encodeURIComponent(seen.last) : ''), { signal: mine.signal, headers: { Accept: 'text/event-stream' } });
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let text = ''; ;) {
      const { value, done } = await reader.read();
      if (done) break;
      const blocks = (text + value).split('\n\n');
      text = blocks.pop();
      for (const block of blocks) {
        const data = block.split('\n').find((line) => line.startsWith('data: '));
        if (data && !block.startsWith('event: missed')) addEvent(JSON.parse(data.slice(6)));
      }
      refresh();
    }
  } catch { /* the poll finds out whether it is the master */ }
  if (mine === stream) setTimeout(() => { if (mine === stream) follow(); }, 1000);
}

function stateOf(event) {
  if (/^(down|not protected|candidate)$/.test(event.after || '') || event.kind === 'disk') return /again$/.test(event.text) ? 'good' : 'bad';
  if (/^(suspect|draining)$/.test(event.after || '') || event.kind === 'panic' || /not answer/.test(event.text) || event.what === 'refused') return /no more$/.test(event.text) ? 'good' : 'warn';
  return /^(up|protected|primary)$/.test(event.after || '') ? 'good' : '';
}

function addEvent(event) {
  if (document.querySelector(`#events [data-id="${CSS.escape(event.id)}"]`)) return;
  seen.last = event.id;
  const item = make('li', '', { 'data-id': event.id, 'data-state': stateOf(event), title: event.id });
  const time = new Date(event.time);
  item.append(make('time', time.toLocaleTimeString([], { hour12: false }), { datetime: event.time, title: time.toLocaleString() }), make('span', event.text || event.what, { class: 'text' }));
  const about = [];
  if (event.reason) about.push(event.reason);
  else if (event.before && event.after) about.push(`${event.before} → ${event.after}`);
  if (event.by) about.push(`by ${event.by.name} from ${event.by.from}`);
  about.push(`${event.kind}, told by ${event.node}`);
  item.append(make('span', about.join(' · '), { class: 'about' }));
  $('events').prepend(item);
  while ($('events').childElementCount > 500) $('events').lastElementChild.remove();
}

// ---- the cluster
function note(status) {
  const now = performance.now(), seconds = (now - seen.at) / 1000, before = seen.status;
  if (before && seconds < 0.8) return;
  if (before) {
    const old = new Map(before.workers.map((worker) => [worker.name, worker]));
    for (const worker of status.workers) {
      const was = old.get(worker.name);
      if (was && worker.requests >= was.requests) seen.rates.set(worker.name, { rate: (worker.requests - was.requests) / seconds, errors: (worker.failures - was.failures) / seconds });
    }
  }
  seen.status = status;
  seen.at = now;
}

// How it is as a whole: a state, a title, and why. The masters say it, as `tandem status --check` does; how requests end knows the
// primary alone.
function verdict(status) {
  let { health = 'unknown', why = 'this master is of an earlier version' } = status.verdict || {};
  const told = seen.verdict;
  if (told && /^(well|no_service)$/.test(health)) {
    // A master that takes part no more may know no worker, and passes requests on.
    ({ health, why } = status.failure && told.health !== 'no_service' ? { health: 'degraded', why: status.failure } : told);
  }
  if (health === 'no_primary') return { state: 'bad', title: 'No primary', why };
  if (health === 'no_service') return { state: 'bad', title: 'No service', why };
  if (health === 'well' && status.protected) return { state: 'good', title: 'Protected', why: status.protection };
  if (!status.protected && (health === 'well' || why.startsWith('not protected'))) return { state: 'warn', title: 'Not protected', why: status.protection };
  return { state: 'warn', title: health === 'unknown' ? 'Unknown' : 'Degraded', why };
}

function show(status) {
  const { state, title, why } = verdict(status);
  document.body.classList.remove('stale');
  $('banner').hidden = seen.base === own;
  document.title = `Tandem · ${title.toLowerCase()} · ${status.node}`;
  $('source').textContent = `as ${status.node} sees it, version ${status.version}`;
  const leads = status.primary !== null;
  $('health').dataset.state = state;
  $('protection').textContent = title;
  $('protection-why').textContent = why;
  const up = status.workers.filter((worker) => worker.state === 'up').length;
  const rates = [...seen.rates.values()];
  figures([['Primary', leads ? status.primary.node : 'none'], ['Term', status.term], ['Workers up', `${up} of ${status.workers.length}`],
    ['In flight', !seen.counts ? '–' : number(status.workers.reduce((sum, worker) => sum + worker.in_flight, 0))],
    ['Requests/s', rates.length ? number(rates.reduce((sum, each) => sum + each.rate, 0)) : '–'], ['Committed', status.commit_index]]);
  $('switchover').disabled = !leads;
  showMembers(status);
  showWorkers(status);
}

function figures(list) {
  $('figures').replaceChildren(...list.map(([name, value]) => {
    const part = make('div');
    part.append(make('dt', name), make('dd', String(value)));
    return part;
  }));
}

function showMembers(status) {
  const primary = status.primary && status.primary.node;
  const voters = status.voters.concat(status.without_vote.map((name) => ({ name, kind: 'master', no_vote: true })));
  $('members').replaceChildren(...voters.map((voter) => {
    const leads = voter.name === primary, silent = voter.silent_ms !== null && voter.silent_ms !== undefined;
    const item = make('li', '', { class: 'member' + (leads ? ' leads' : '') });
    const top = make('div', '', { class: 'top' });
    const role = voter.kind === 'witness' ? 'witness' : leads ? 'primary' : voter.no_vote ? 'joining' : 'standby';
    top.append(make('b', voter.name), pill(silent ? 'silent' : role, silent ? 'bad' : voter.no_vote ? 'warn' : 'good'));
    const facts = [voter.no_vote ? 'does not vote yet' : 'votes'];
    if (silent) facts.unshift(`${role}, not heard for ${(voter.silent_ms / 1000).toFixed(0)} s`);
    else if (voter.in_sync && !leads) facts.push('in sync');
    if (voter.lag > 0) facts.push(`${voter.lag} entries behind`);
    item.append(top, make('p', facts.join(', ')));
    if (leads) item.append(make('p', `leads in term ${status.term}` + (status.primary.listen ? `, clients at ${status.primary.listen}` : '')));
    return item;
  }));
}

const states = { up: 'good', suspect: 'warn', draining: 'warn', down: 'bad' };
function showWorkers(status) {
  $('workers-count').textContent = status.workers.length ? count(status.workers.length, 'worker') : '';
  if (document.activeElement && document.activeElement.closest('#workers tr')) rememberFocus();
  const services = new Map();
  for (const worker of status.workers) services.set(worker.service, [...(services.get(worker.service) || []), worker]);
  for (const { name } of status.services) if (!services.has(name)) services.set(name, []);
  const parts = [];
  for (const [service, workers] of services) {
    const title = make('h3', service);
    const health = status.services.find((each) => each.name === service) || {};
    if (health.panic) title.append(pill('panic: unhealthy workers are tried too', 'bad'));
    else if (health.workers === 0) title.append(pill('no worker takes its requests', 'bad'));
    const waiting = seen.history && seen.history.waiting && seen.history.waiting[service];
    if (waiting) title.append(pill(`${count(waiting, 'request')} waiting for room`, 'warn'));
    parts.push(title);
    if (!workers.length) continue;
    const table = make('table');
    const head = make('tr');
    for (const [label, kind] of [['Worker', ''], ['State', ''], ['Load', 'number'], ['Requests/s', 'number'], ['Failures/s', 'number'], ['p50 · p99', 'number'], ['Weight', 'number'], ['Actions', '']]) head.append(make('th', label, { scope: 'col', class: kind }));
    const header = make('thead'), body = make('tbody');
    header.append(head);
    body.append(...workers.slice(0, 500).map((worker) => workerRow(worker, status)));
    table.append(header, body);
    parts.push(table);
    if (workers.length > 500) parts.push(make('p', `${workers.length - 500} more; tandem workers lists all`, { class: 'quiet' }));
  }
  if (!parts.length) parts.push(make('p', 'No worker has joined yet.', { class: 'quiet' }));
  $('workers').replaceChildren(...parts);
  if (focused) { const again = document.querySelector(`#workers [data-key="${CSS.escape(focused)}"]`); if (again) again.focus(); focused = null; }
}
let focused = null;
function rememberFocus() { focused = document.activeElement.dataset.key || null; }

function workerRow(worker, status) {
  const row = make('tr', '', { 'data-worker': worker.name });
  const name = make('td', worker.name, { class: 'name' });
  name.append(make('small', worker.address + (status.voters.some((voter) => voter.name === worker.name) ? ' · votes' : '')));
  const state = make('td', '', { class: 'state' });
  state.append(pill(worker.state, states[worker.state] || ''));
  if (worker.reason) state.append(make('span', worker.reason, { class: 'why' }));
  const rate = seen.rates.get(worker.name), took = seen.latency[worker.name];
  const load = make('td', '', { class: 'number', 'data-label': 'load' });
  const meter = make('meter', '', { max: worker.connections, value: worker.in_flight, 'aria-label': `requests in flight of ${worker.name}` });
  load.append(meter, document.createTextNode(seen.counts ? `${worker.in_flight}/${worker.connections}` : '–'));
  row.append(name, state, load, make('td', rate ? number(rate.rate) : '–', { class: 'number', 'data-label': 'requests/s' }),
    make('td', rate ? number(rate.errors) : '–', { class: 'number', 'data-label': 'failures/s' }),
    make('td', took ? `${ms(took.p50_ms)} · ${ms(took.p99_ms)}` : '–', { class: 'number took', 'data-label': 'p50 · p99' }), make('td', String(worker.weight), { class: 'number', 'data-label': 'weight' }));
  const actions = make('td');
  const drained = worker.state === 'draining' || /drained/.test(worker.reason);
  const path = `/v1/workers/${encodeURIComponent(worker.name)}`;
  actions.append(action(drained ? 'Undrain' : 'Drain', worker.name, () => confirmed({
    title: `${drained ? 'Undrain' : 'Drain'} ${worker.name}?`, yes: drained ? 'Undrain' : 'Drain',
    text: drained ? 'It gets requests again.' : 'It gets no new requests, and finishes those in flight. The decision holds until it is undone, also over a restart.',
    run: () => change('POST', `${path}/${drained ? 'undrain' : 'drain'}`) })),
  action('Weight', worker.name, () => confirmed({
    title: `Weight of ${worker.name}`, yes: 'Set', field: 'Weight, 0 to 1000; empty: its own', value: String(worker.weight),
    text: 'Its share of the requests, against that of the others of its service. With 0 it gets none.',
    run: (value) => change('POST', `${path}/weight`, { weight: value === '' ? null : Number(value) }) })),
  action('Remove', worker.name, () => confirmed({
    title: `Remove ${worker.name}?`, yes: 'Remove', text: 'It is drained, and removed from the cluster when its last request has ended. It comes back only when it is started again.',
    run: () => change('DELETE', path) })));
  row.append(actions);
  return row;
}

function action(label, worker, run) {
  const button = make('button', label, { type: 'button', 'aria-label': `${label} ${worker}`, 'data-key': `${label} ${worker}` });
  button.addEventListener('click', run);
  return button;
}

// ---- changes
async function change(method, path, body) {
  if (seen.base !== own) throw new Error(`${nameOf(own)}, which served this page, does not answer. Open the page of ${nameOf(seen.base)} to make changes: ${seen.base}`);
  await ask(own, path, { method, body: body === undefined ? undefined : JSON.stringify(body) }, 60000);
}

function confirmed({ title, text, yes, field, value, run }) {
  const dialog = $('dialog');
  $('dialog-title').textContent = title;
  $('dialog-text').textContent = text;
  $('dialog-yes').textContent = yes;
  $('dialog-error').textContent = '';
  $('dialog-field').hidden = !field;
  $('dialog-field').firstElementChild.textContent = field || '';
  $('dialog-value').value = value || '';
  $('dialog-yes').disabled = false;
  dialog.querySelector('form').onsubmit = async (event) => {
    event.preventDefault();
    $('dialog-yes').disabled = true;
    try {
      await run($('dialog-value').value.trim());
      dialog.close();
      refresh();
    } catch (problem) {
      $('dialog-error').textContent = problem.status === 401 || problem.status === 403 ? `${problem.message}. Changes need a token with the role operator.` : problem.message;
      if (problem.status === 401 || problem.status === 403) $('ask-token').hidden = false;
      $('dialog-yes').disabled = false;
    }
  };
  dialog.showModal();
}
$('dialog-no').addEventListener('click', () => $('dialog').close());
$('switchover').addEventListener('click', () => confirmed({
  title: 'Switch over?', yes: 'Switch over', text: 'The primary hands the leadership to a standby that is in sync. No request fails.', run: () => change('POST', '/v1/switchover') }));

// ---- charts
const kinds = [
  { title: 'Requests per second', lines: [['requests', '--accent']], shown: number },
  { title: 'Errors per second', lines: [['errors', '--bad'], ['refused', '--second']], shown: number },
  { title: 'Latency', lines: [['p50_ms', '--accent'], ['p99_ms', '--second']], shown: ms }];
const labels = { requests: '', errors: '5xx', refused: '4xx', p50_ms: 'p50', p99_ms: 'p99' };
let plots = [];

function addHistory(part) {
  const all = seen.history;
  if (!all || part.begin !== all.begin + all.requests.length) seen.history = part.requests.length || !all ? part : all;
  else for (const name of Object.keys(labels)) all[name].push(...part[name]);
  seen.history.waiting = part.waiting || {};
  const over = seen.history.requests.length - 900;
  if (over > 0) { seen.history.begin += over; for (const name of Object.keys(labels)) seen.history[name].splice(0, over); }
  drawCharts();
}

function columns(kind) {
  const { begin, requests } = seen.history, length = requests.length, shown = Math.min(900, Math.max(120, length)), missing = shown - length;
  const times = Array.from({ length: shown }, (_, i) => begin - missing + i);
  return [times, ...kind.lines.map(([name]) => times.map((_, i) => i < missing || (/_ms/.test(name) && requests[i - missing] === 0) ? null : seen.history[name][i - missing]))];
}

function drawCharts() {
  $('traffic-of').textContent = `as ${seen.history.node} served`;
  if (!window.uPlot) {
    if (!$('charts').childElementCount) $('charts').append(make('p', 'This build has no charts: uPlot was not there when it was made (scripts/install-npm.sh master/page). The numbers are at /v1/history.', { class: 'quiet' }));
    return;
  }
  if (!plots.length) plots = kinds.map(makePlot);
  plots.forEach(({ plot, caption, box, figure }, i) => {
    const kind = kinds[i];
    const latest = kind.lines.map(([name]) => `${labels[name]} ${kind.shown(seen.history[name].at(-1) || 0)}`.trim()).join(' · ');
    caption.textContent = latest;
    box.setAttribute('aria-label', `${kind.title} over the last 15 minutes; now ${latest}`);
    if (box.clientWidth && plot.width !== box.clientWidth) plot.setSize({ width: box.clientWidth, height: 140 });
    plot.setData(columns(kind));
  });
}

function makePlot(kind) {
  const figure = make('figure'), caption = make('span'), head = make('figcaption'), box = make('div', '', { class: 'plot', role: 'img' });
  head.append(make('b', kind.title), caption);
  figure.append(head, box);
  $('charts').append(figure);
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const axis = { stroke: () => color('--quiet'), grid: { stroke: () => color('--line'), width: 1 }, ticks: { show: false }, font: '11px system-ui, sans-serif' };
  const plot = new uPlot({ width: box.clientWidth || 300, height: 140, legend: { show: false }, cursor: { drag: { setScale: false }, points: { show: false } }, padding: [8, 6, 0, 0],
    scales: { y: { range: (_, low, high) => [0, Math.max(high || 0, 1) * 1.1] } },
    axes: [{ ...axis, size: 24, space: 70, values: (_, splits) => splits.map((at) => new Date(at * 1000).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', hour12: false })) }, { ...axis, size: 46, space: 32, values: (_, splits) => splits.map((value) => kind.lines[0][0] === 'p50_ms' ? value + ' ms' : number(value)) }],
    series: [{}, ...kind.lines.map(([, name], i) => ({ stroke: () => color(name), width: 1.5, fill: i === 0 && kind.lines.length === 1 ? () => color(name) + '1f' : undefined, points: { show: false } }))] }, columns(kind), box);
  return { plot, caption, box, figure };
}
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => plots.forEach(({ plot }) => plot.redraw()));

refresh();
follow();
setInterval(refresh, 1000);
setInterval(goHome, 3000);
