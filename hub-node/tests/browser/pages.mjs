// Pages whose answers this script plays, on a real hub that serves the rest: what a run of many lines, a cluster of three
// nodes, a lost file or a token of yesterday looks like. A test cannot wait for those.

import { accessible, assert, at, call, faultless, given, live, open, play, say, setUp, signIn } from './console.mjs';

const hub = given('STORY_HUB');
/** More rows than the hub takes frames of one socket in a second. */
const MANY = 90;
const id = (n) => `01890a5d-ac96-774b-bcce-b302099a8${String(n).padStart(3, '0')}`;

async function furnish() {
  const { token, shop, retailer, of } = await setUp('UTC');
  for (let n = 1; n < MANY; n += 1) {
    await call('POST', '/retailers', { ...shop, code: `shop-${n}`, name: `Shop ${n}` }, token);
  }
  const agent = await call('POST', `${of}/agents`, { name: 'Back office' }, token);
  return { retailer, agent: agent.id };
}

/** The second module of the program does not come: the page says so, and tries again when told to. */
async function aLostModule(browser, { retailer }) {
  const page = await open(browser);
  let lost = true;
  await page.route('**/later/*.wasm', (route) => (lost ? route.abort() : route.continue()));
  await page.goto(hub);
  await signIn(page);
  await live(page);
  await page.goto(`${hub}/retailers/${retailer}`);
  await at(page, 'part-missing').waitFor();
  await accessible(page, 'a page whose program is missing');
  await page.goto(`${hub}/retailers`);
  await at(page, 'retailer-row').first().waitFor();
  await at(page, 'new-retailer').click();
  await at(page, 'part-missing').waitFor();
  await page.keyboard.press('Escape');
  await at(page, 'part-missing').waitFor({ state: 'detached' });
  assert(true, 'the list works without the second module');
  await page.goto(`${hub}/retailers/${retailer}`);
  await at(page, 'part-missing').waitFor();
  lost = false;
  await at(page, 'part-missing').getByRole('button', { name: 'Try again' }).click();
  await at(page, 'tab-agents').waitFor();
  assert(true, 'trying again brings the page');
  await page.context().close();
}

/** A list of more rows than the hub takes frames in a second stays live. */
async function aLongList(page) {
  const frames = [];
  page.on('websocket', (socket) => socket.on('framesent', ({ payload }) => frames.push(String(payload))));
  // From a page that is live already: each row that is drawn then asks for its topic by itself.
  await page.goto(`${hub}/retailers?limit=25`);
  await at(page, 'retailer-row').nth(24).waitFor();
  await live(page);
  frames.length = 0;
  await page.locator('.pager-size select').selectOption('100');
  await at(page, 'retailer-row').nth(MANY - 1).waitFor();
  await page.waitForFunction((many) => document.querySelectorAll('[data-testid=retailer-row]').length >= many, MANY);
  const asked = () => frames.filter((frame) => frame.includes('"subscribe"')).join('').split('summary:').length - 1;
  for (const patience = Date.now() + 10_000; asked() < MANY - 25 && Date.now() < patience;) await page.waitForTimeout(50); // poll: frames
  assert(asked() >= MANY - 25, `the new rows are asked for: ${asked()}`);
  assert(frames.length < 10, `${frames.length} frames ask for all of them`);
  await live(page);
}

/** What was typed is not lost by Escape. */
async function aHalfFilledForm(page, { retailer }) {
  await page.goto(`${hub}/retailers/${retailer}/stores`);
  const begin = async () => {
    await at(page, 'new-store').first().click();
    await at(page, 'form-dialog').waitFor();
  };
  await begin();
  await page.keyboard.press('Escape');
  await at(page, 'form-dialog').waitFor({ state: 'detached' });
  assert(true, 'Escape closes a form in which nothing was typed');
  await begin();
  const field = at(page, 'form-dialog').locator('input').first();
  await field.fill('Main street');
  for (const round of ['once', 'and once more']) {
    await field.focus();
    await page.keyboard.press('Escape');
    await at(page, 'discard').waitFor();
    assert((await field.inputValue()) === 'Main street', `Escape asks ${round}, and nothing is lost`);
    await accessible(page, 'the question before something typed is lost');
    await page.keyboard.press('Escape');
    await at(page, 'discard').waitFor({ state: 'detached' });
  }
  assert(await at(page, 'form-dialog').isVisible(), 'the form is still there');
  await at(page, 'form-dialog').getByRole('button', { name: 'Close' }).click();
  await at(page, 'discard-leave').click();
  await at(page, 'form-dialog').waitFor({ state: 'detached' });
  assert(true, 'who means it may discard');
}

/** A token that ran out does not look as if it waited. */
async function aTokenOfYesterday(page, { retailer }) {
  let late = true;
  await page.route('**/enrolment', async (route) => {
    const answer = await route.fetch();
    const token = await answer.json();
    await route.fulfill({ response: answer, json: late ? { ...token, expires_at: Date.now() - 1_000 } : token });
  });
  await page.goto(`${hub}/retailers/${retailer}/agents`);
  await at(page, 'enrol').click();
  await at(page, 'enrol-expired').waitFor();
  assert((await at(page, 'enrol-state').count()) === 0, 'nobody is told to wait for an agent that is refused');
  await accessible(page, 'an expired token');
  late = false;
  await at(page, 'enrol-again').click();
  await at(page, 'enrol-state').waitFor();
  assert((await at(page, 'enrol-expired').count()) === 0, 'a new token waits again');
  await at(page, 'enrol-close').click();
}

const node = (n, more) => ({
  id: id(n), name: `hub-${n}`, address: `10.0.3.${n}:8080`, cluster_address: `10.0.3.${n}:9090`, version: '0.1.0',
  state: 'serving', started_at: Date.now() - 3_600_000, lease_left_ms: 4_200,
  figures: { agent_sockets: 312, console_sockets: 14, retailers_active: 241, rss_bytes: 143_000_000 }, ...more,
});

function cluster() {
  const now = Date.now();
  const owner = (n) => (n === 77 ? {} : { owner: id(1 + (n % 3)) });
  const pairs = [[1, 2], [1, 3], [2, 1], [2, 3], [3, 1], [3, 2]];
  return {
    at: now, this_node: id(1), single: false, lease_ms: 6_000,
    nodes: [node(1), node(2, { state: 'leaving' }), node(3, { name: undefined, figures: undefined }),
      node(4, { state: 'dead', lease_left_ms: 0, figures: undefined })],
    shards: Array.from({ length: 256 }, (_, n) => ({ shard: n, ...owner(n), epoch: 3 })),
    links: pairs.map(([from, to]) => (to === 3 && from === 2
      ? { from: id(from), to: id(to), state: 'down', since: now - 9_000, in_flight: 0, queued: 12 }
      : { from: id(from), to: id(to), state: 'up', since: now - 900_000, rtt_us: { p50: 180, p99: 1_400 }, in_flight: 3, queued: 0 })),
    moves: Array.from({ length: 40 }, (_, n) => ({
      at: now - n * 900, shard: (n * 7) % 256, epoch: 3, from: id(2), to: id(1 + 2 * (n % 2)), why: n % 5 ? 'drained' : 'a reason of tomorrow',
    })),
  };
}

/** Three nodes, one of them silent, one leaving, one dead before them; and a node that is taken out. */
async function aClusterOfThree(page) {
  let answer = cluster();
  const drained = [];
  await page.route('**/api/v1/admin/cluster', (route) => (answer
    ? route.fulfill({ json: answer })
    : route.fulfill({ status: 503, contentType: 'application/problem+json', body: '{}' })));
  await page.route('**/api/v1/admin/cluster/nodes/*/drain', (route) => {
    drained.push(new URL(route.request().url()).pathname);
    return route.fulfill({ status: 202 });
  });
  await page.goto(`${hub}/cluster`);
  await at(page, 'nodes').waitFor();
  const rows = await at(page, 'node').allInnerTexts();
  assert(rows.length === 4 && rows[0].includes('this node') && rows[0].includes('86'), 'every node has its row');
  assert(rows[2].includes('does not answer'), 'a silent node is told from one that has nothing');
  assert((await at(page, 'shards').locator('rect').count()) === 256, 'every shard has its cell');
  const words = await at(page, 'shards').getAttribute('aria-label');
  assert(words.includes('no node: 1') && words.includes('hub-1: 86'), `the picture is told in words: ${words}`);
  await page.locator('.as-table summary').click();
  assert((await at(page, 'shards-table').innerText()).includes('77'), 'and as a table');
  assert((await at(page, 'links').innerText()).includes('0.18 ms'), 'links tell their round trips');
  assert((await at(page, 'moves').innerText()).includes('Not known'), 'a reason of a later version does not break the page');
  await page.evaluate(() => window.scrollTo(0, 0));
  await accessible(page, 'a cluster of three');
  assert((await at(page, 'drain').count()) === 2, 'only nodes that serve can be drained');
  await at(page, 'drain').first().click();
  assert(drained.length === 0, 'draining asks first');
  await accessible(page, 'the question before a drain');
  await at(page, 'confirm-action').click();
  await at(page, 'toast').waitFor();
  assert(drained.join() === `/api/v1/admin/cluster/nodes/${id(1)}/drain`, 'and then it is that node');
  answer = undefined;
  await at(page, 'error').waitFor();
  assert(await at(page, 'nodes').isVisible(), 'what was known stays while the hub does not answer');
  const alone = { ...cluster(), single: true, nodes: [node(1)], links: [], moves: [] };
  answer = { ...alone, shards: alone.shards.map((shard) => ({ ...shard, owner: id(1) })) };
  await at(page, 'one-node').waitFor();
  assert((await at(page, 'drain').count()) === 0, 'the only node cannot be drained');
  await accessible(page, 'a cluster of one');
  await page.setViewportSize({ width: 390, height: 900 });
  await accessible(page, 'a cluster of one on a phone');
  answer = cluster();
  await at(page, 'one-node').waitFor({ state: 'detached' });
  await accessible(page, 'a cluster of three on a phone');
  await page.setViewportSize({ width: 1440, height: 900 });
}

/** A run of thousands of lines, on a line where WebSockets do not come through. */
async function aLongLog(browser, { retailer, agent }) {
  const run = id(900);
  const began = Date.now() - 60_000;
  const lines = [];
  const log = (many) => {
    for (const end = lines.length + many; lines.length < end;) {
      const seq = lines.length;
      lines.push({ run_id: run, seq, at: began + seq, level: 'info', text: `line ${seq}` });
    }
  };
  log(3_000);
  const page = await open(browser);
  await page.routeWebSocket('**/ws/live', (socket) => socket.close());
  await page.route(`**/api/v1/**/runs/${run}`, (route) => route.fulfill({ json: {
    id: run, retailer_id: retailer, rev: 1, job_id: id(901), job_name: 'Prices', agent_id: agent, state: 'running', trigger: 'manual',
    progress: { read: 10, sent: 5 }, attempt: 1, cancelling: false, transitions: [{ state: 'queued', at: began, by: 'hub' }],
    timeout_s: 3_600, created_at: began } }));
  await page.route(`**/api/v1/**/runs/${run}/log*`, (route) => {
    const asked = new URL(route.request().url()).searchParams;
    const limit = Number(asked.get('limit') ?? 200);
    const newest = asked.get('order') === 'newest';
    const ordered = newest ? [...lines].reverse() : lines;
    // As the hub's: the place of the last line, which does not shift when lines come.
    const cursor = asked.get('cursor');
    const rest = cursor ? ordered.filter((line) => (newest ? line.seq < Number(cursor) : line.seq > Number(cursor))) : ordered;
    const items = rest.slice(0, limit);
    const next = rest.length > limit ? { next: String(items.at(-1).seq) } : {};
    return route.fulfill({ json: { items, total: lines.length, ...next } });
  });
  await page.route(`**/api/v1/**/runs/${run}/rejects*`, (route) => route.fulfill({ json: { items: [], total: 0 } }));
  await page.goto(`${hub}/retailers/${retailer}/runs/${run}`);
  await signIn(page);
  const shown = () => at(page, 'log-line').locator('.log-text').allInnerTexts()
    .then((texts) => texts.map((text) => Number(text.split(' ')[1])));
  const unbroken = (numbers) => numbers.every((n, place) => place === 0 || n === numbers[place - 1] + 1);
  const ends = async (last) => page.waitForFunction(
    (text) => [...document.querySelectorAll('.log-text')].at(-1)?.textContent === text, `line ${last}`);
  await ends(2_999);
  assert((await shown()).length === 500, 'a polling page begins with the latest lines');
  log(100);
  await at(page, 'refresh').first().click();
  await ends(3_099);
  let numbers = await shown();
  assert(numbers.length === 600 && unbroken(numbers), 'what comes is added');
  // More than a page of lines between two looks.
  log(900);
  await at(page, 'refresh').first().click();
  await ends(3_999);
  numbers = await shown();
  assert(numbers[0] === 3_500 && unbroken(numbers), 'no line is missing between those that are shown');
  log(7);
  const held = async (many) => page.waitForFunction(
    (text) => document.querySelector('.log-card .count')?.textContent === text, String(many));
  for (const many of [1_000, 2_000, 3_000, 4_000, 4_007]) {
    await at(page, 'log-older').click();
    await held(many);
    numbers = await shown();
    assert(unbroken(numbers) && numbers.at(-1) === 4_006, `${many} lines are held without a hole`);
  }
  assert((await at(page, 'log-older').count()) === 0, 'at the first line there is nothing older');
  await accessible(page, 'a long log');
  assert(page.faults.length === 0, `no fault in the console of the page with the log ${page.faults.join(' | ')}`);
  await page.context().close();
}

await play(async ({ browser, opened }) => {
  const things = await furnish();
  await aLostModule(browser, things);
  const page = await opened();
  await page.goto(hub);
  await signIn(page);
  await live(page);
  await aLongList(page);
  await aHalfFilledForm(page, things);
  await aTokenOfYesterday(page, things);
  await aClusterOfThree(page);
  faultless(page);
  await aLongLog(browser, things);
  say('the pages do as they should');
});
