// The stores of a retailer in a real browser, against a real hub and a real store edge that is enrolled by the command
// the dialog shows: it sells and the open page changes; what it says wrong is set aside, corrected, tried again,
// discarded; reports agree with it to the cent; an article is made, changed and withdrawn. Then pages whose answers this
// script plays: a hundred stores, an error.

import { spawn, execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';

import {
  accessible, assert, at, faultless, given, live, open, PASSWORD, PATIENCE, play, say, setUp, signIn,
} from './console.mjs';

const hub = given('STORY_HUB');
const folder = given('STORY_EDGE_FOLDER');
const programs = given('STORY_PROGRAMS');
const shots = process.env.STORY_SHOTS;
const run = promisify(execFile);
let token;

/** Asks the hub as a program does. */
async function call(method, where, body, bearer = token) {
  const headers = { 'content-type': 'application/json', ...(bearer && { authorization: `Bearer ${bearer}` }) };
  const address = where.startsWith('/v1') ? hub + where : `${hub}/api/v1${where}`;
  const answer = await fetch(address, { method, headers, body: body && JSON.stringify(body) });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${where}: ${text}`);
  return text ? JSON.parse(text) : undefined;
}

/** A picture for whoever wants to look at the pages. */
async function shoot(page, name) {
  if (!shots) return;
  mkdirSync(shots, { recursive: true });
  // Long lists are as long as they are: what is to be looked at is their beginning.
  const fullPage = !/phone|hundred/.test(name);
  await page.screenshot({ path: path.join(shots, `${name}.png`), fullPage });
}

async function furnish() {
  let retailer;
  ({ token, retailer } = await setUp('Europe/Zurich'));
  const { id: store } = await call('POST', `/retailers/${retailer}/stores`, { code: 'main', name: 'Main street', time_zone: 'Europe/Zurich' });
  await call('POST', `/retailers/${retailer}/stores`, { code: 'harbour', name: 'Harbour', time_zone: 'Asia/Ho_Chi_Minh' });
  const manager = { login: 'mia', name: 'Mia Roth', role: 'manager', scope: { allow: [retailer] }, password: PASSWORD };
  await call('POST', '/users', manager);
  return { retailer, store };
}

/** Runs exactly the command that the dialog shows, then the edge. */
async function enrol(page) {
  await at(page, 'new-device').first().click();
  await at(page, 'device-name').fill('Checkout server');
  await accessible(page, 'the form of a new device');
  await at(page, 'form-submit').click();
  const command = await at(page, 'enrol-command').innerText();
  await accessible(page, 'the dialog that enrols a device');
  await shoot(page, 'enrol');
  const env = { ...process.env, GROCERYSYNC_EDGE_DATA_DIR: folder, PATH: `${programs}:${process.env.PATH}` };
  const [program, ...parts] = command.trim().split(/\s+/);
  await run(program, parts, { env });
  const edge = spawn(program, ['run', '--sample-catalogue', '--listen', '127.0.0.1:0', '--stop-on-stdin-close'],
    { env, stdio: ['pipe', 'ignore', 'inherit'] });
  await at(page, 'enrol-state').filter({ hasText: 'online' }).waitFor();
  assert(true, 'the dialog turns by itself when the device is heard of');
  await at(page, 'enrol-close').click();
  await at(page, 'store-state').filter({ hasText: 'Online' }).waitFor();
  return edge;
}

const sell = (customers, seed) => run(path.join(programs, 'edge-node'), [
  'simulate', '--edge', `http://${readFileSync(path.join(folder, 'edge.addr'), 'utf8')}`,
  '--customers', String(customers), '--terminals', '3', '--seed', String(seed)]);

const figures = async ({ retailer, store }) =>
  (await call('GET', `/retailers/${retailer}/reports/stores?store_id=${store}`)).items[0];

/** Cents as the page writes them. */
const money = (cents) => `${(cents / 100).toLocaleString('en-US', { minimumFractionDigits: 2 })} EUR`;

/** The page shows what the hub has, without being loaded again; and the hub has more than `before`. */
async function agrees(page, things, before) {
  for (const patience = Date.now() + PATIENCE; Date.now() < patience;) {
    const { today } = await figures(things);
    const wanted = today.length ? money(today[0].total) : '—';
    if (wanted !== before && (await at(page, 'store-tiles').innerText()).includes(wanted)) return wanted;
    await page.waitForTimeout(100); // poll: the edge sends, the hub commits, the page reads
  }
  throw new Error('the page never showed what the hub has');
}

async function sellAndWatch(page, things) {
  await page.evaluate(() => { window.sameDocument = true; });
  await sell(12, 1);
  await at(page, 'sale-row').nth(5).waitFor();
  const first = await agrees(page, things);
  await sell(10, 2);
  const second = await agrees(page, things, first);
  assert(first !== second, `the open page went from ${first} to ${second}`);
  assert(await page.evaluate(() => window.sameDocument === true), 'and was not loaded again');
  await at(page, 'stock-row').first().waitFor();
  await accessible(page, 'a store that sells');
  await shoot(page, 'store');
  await at(page, 'sale-row').first().getByRole('button').click();
  await at(page, 'receipt').waitFor();
  await accessible(page, 'a receipt');
  await shoot(page, 'receipt');
  await page.keyboard.press('Escape');
}

/** What the device's own program would never send: two events whose bodies are wrong. */
async function poison(things) {
  const { items: [edge] } = await call('GET', `/retailers/${things.retailer}/edges?store_id=${things.store}`);
  const { credential } = JSON.parse(readFileSync(path.join(folder, 'identity.json'), 'utf8'));
  const event = (seq, data) => ({ event_id: randomUUID(), seq, type: 'inventory_adjusted', version: 1, occurred_at: Date.now(), data });
  const wrong = { reason: 'count', movements: [{ sku: 'TEA', delta: 'many', on_hand: '12' }] };
  const events = [event(1, wrong), event(2, { reason: 'count' })];
  await call('POST', '/v1/ingestion/events', { v: 1, device_id: edge.device_id, stream_id: randomUUID(), oldest_seq: 1, events }, credential);
}

async function decide(page, things) {
  await poison(things);
  await at(page, 'letter-row').nth(1).waitFor();
  await accessible(page, 'a store with dead letters');
  await shoot(page, 'letters');
  await at(page, 'letter-row').filter({ hasText: 'number 1' }).getByTestId('open-letter').click();
  await at(page, 'letter-reason').filter({ hasText: 'event_malformed' }).waitFor();
  const body = at(page, 'letter-body');
  const text = await body.inputValue();
  assert(text.includes('"many"'), 'the event is shown as it came');
  await body.fill('{ this is not');
  await page.locator('#letter-fault').waitFor();
  assert(await at(page, 'letter-retry').isDisabled(), 'what is no JSON cannot be sent');
  await accessible(page, 'a letter with a fault in it');
  await body.fill(text);
  await at(page, 'letter-retry').click();
  await page.waitForFunction(() => !document.querySelector('[data-testid=letter-retry]').ariaBusy);
  assert(await at(page, 'letter-dialog').isVisible(), 'tried again as it was, it stays open with its reason');
  await shoot(page, 'letter');
  await body.fill(text.replace('"many"', '"-3"'));
  await at(page, 'letter-retry').filter({ hasText: 'Save' }).click();
  await at(page, 'letter-dialog').waitFor({ state: 'detached' });
  await page.waitForFunction(() => document.querySelectorAll('[data-testid=letter-row]').length === 1);
  assert(true, 'the corrected event was applied');
  await at(page, 'search-stock').fill('TEA');
  await at(page, 'stock-row').filter({ hasText: 'TEA' }).filter({ hasText: '12' }).first().waitFor();
  await at(page, 'search-stock').fill('');
  await at(page, 'open-letter').click();
  await at(page, 'letter-discard').click();
  await accessible(page, 'the question before a letter is discarded');
  await at(page, 'letter-discard-confirm').click();
  await at(page, 'letter-dialog').waitFor({ state: 'detached' });
  await page.getByText('Nothing was set aside').waitFor();
  await page.locator('input[name=letters][value=discarded]').check({ force: true });
  await at(page, 'letter-row').filter({ hasText: 'by Ann Novak' }).waitFor();
  assert(true, 'a discarded one is kept, with who decided');
}

/** The article as the store's tills have it. */
async function untilSold(what, where, holds) {
  for (const patience = Date.now() + PATIENCE; ;) {
    const till = `http://${readFileSync(path.join(folder, 'edge.addr'), 'utf8')}`;
    const headers = { 'x-terminal-id': 'till-1', 'x-cashier-id': 'ann' };
    const answer = await fetch(`${till}/v1/articles/${where}`, { headers });
    const sold = answer.ok ? await answer.json() : undefined;
    if (sold && holds(sold)) return;
    if (Date.now() > patience) throw new Error(`tills never had ${what}: ${answer.status} ${JSON.stringify(sold)}`);
    await new Promise((over) => setTimeout(over, 100)); // poll: the device asks what has changed
  }
}

/** A price for one store, and one for several pieces; then they are taken away, on a phone. */
async function singlePrices(page, things, one) {
  const sku = encodeURIComponent('OAT/1');
  const rows = at(page, 'price-row');
  await at(page, 'edit-article').click();
  await page.getByText('All stores sell it at the price above').waitFor();
  await page.locator('[name="bundle.pieces"]').fill('3');
  for (const name of ['Main street', 'Main street']) {
    await at(page, 'add-price').click();
    await at(page, 'price-store').last().selectOption({ label: name });
    await at(page, 'price-of-store').last().fill('2,80');
  }
  assert(await at(page, 'add-price').count() === 0, 'no more rows than the retailer has stores');
  await at(page, 'form-submit').click();
  await rows.nth(1).getByText('has a price of its own already').waitFor();
  await page.locator('#f-bundle-price-fault').waitFor();
  await accessible(page, 'the form of an article with prices of stores and faults in them');
  await shoot(page, 'article-prices');
  await at(page, 'price-store').last().selectOption({ label: 'Harbour' });
  await page.locator('[name="bundle.price"]').fill('8.40');
  await rows.nth(1).getByTestId('price-of-store').fill('2,855');
  await at(page, 'form-submit').click();
  await rows.nth(1).getByText('at most 2 digits').waitFor();
  await rows.nth(1).getByTestId('price-of-store').fill('2.85');
  await at(page, 'form-submit').click();
  await at(page, 'article-row').filter({ hasText: 'other in 2 stores' }).waitFor();
  const made = await call('GET', one);
  assert(made.prices[things.store] === 280 && Object.values(made.prices).includes(285), 'each store has its price');
  assert(made.bundle.pieces === 3 && made.bundle.price === 840, 'and three have one together');
  await untilSold('the price of their store', sku, (sold) => sold.price === 280);
  await page.setViewportSize({ width: 390, height: 844 });
  await at(page, 'edit-article').click();
  assert(await page.getByLabel('Main street', { exact: true }).inputValue() === '2.80', 'the form shows what was saved');
  await page.getByRole('button', { name: 'Take the price of Main street away' }).click();
  assert(await page.getByLabel('Harbour', { exact: true }).inputValue() === '2.85', 'the other row is what it was');
  await accessible(page, 'the form of an article on a phone');
  await rows.scrollIntoViewIfNeeded();
  await shoot(page, 'article-prices-phone');
  await page.keyboard.press('Escape');
  await at(page, 'discard').waitFor();
  await at(page, 'discard-stay').click();
  for (const name of ['bundle.pieces', 'bundle.price']) await page.locator(`[name="${name}"]`).fill('');
  await at(page, 'form-submit').click();
  await at(page, 'article-row').filter({ hasText: 'other in 1 store' }).waitFor();
  await untilSold('the price for all stores', sku, (sold) => sold.price === 310);
  const left = await call('GET', one);
  assert(!left.bundle && left.prices[things.store] === undefined, 'what was taken away is gone at the hub and at the till');
  await page.setViewportSize({ width: 1440, height: 900 });
}

/** Head office: an article is made, changed while somebody else changes it, put right in the store, and withdrawn. */
async function articles(page, things) {
  const all = `/retailers/${things.retailer}/articles`;
  await page.goto(`${hub}${all}`);
  await page.getByText('No article yet').waitFor();
  await accessible(page, 'no articles');
  await at(page, 'new-article').first().click();
  await page.locator('[name=sku]').fill('OAT/1');
  await page.locator('[name=name]').fill('Oat milk');
  await page.locator('[name=price]').fill('2,955');
  await page.locator('[name=tax_rate]').fill('2.5');
  await at(page, 'form-submit').click();
  await page.getByText('at most 2 digits').waitFor();
  await accessible(page, 'the form of an article with a fault');
  await page.locator('[name=price]').fill('2,95');
  await at(page, 'form-submit').click();
  const row = at(page, 'article-row');
  await row.filter({ hasText: 'OAT/1' }).filter({ hasText: '2.95 EUR' }).filter({ hasText: '2.5 %' }).waitFor();
  assert(true, 'an article is made, with its price as people write it');
  const one = `${all}/${encodeURIComponent('OAT/1')}`;
  await at(page, 'edit-article').click();
  await page.locator('[name=price]').fill('3.10');
  const { rev, retailer_id, created_at, updated_at, updated_by, ...spec } = await call('GET', one);
  await fetch(`${hub}/api/v1${one}`, {
    method: 'PUT', body: JSON.stringify({ ...spec, name: 'Oat drink' }),
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}`, 'if-match': `"${rev}"` },
  });
  await at(page, 'form-submit').click();
  await at(page, 'conflict').waitFor();
  await accessible(page, 'a conflict over an article');
  await at(page, 'conflict-save').click();
  await row.filter({ hasText: '3.10 EUR' }).filter({ hasText: 'Oat drink' }).waitFor();
  assert(true, 'two people changed it, and both changes are there');
  await singlePrices(page, things, one);
  await at(page, 'search-articles').fill('nothing has this name');
  await page.getByText('No article fits').waitFor();
  await at(page, 'search-articles').fill('oat');
  await at(page, 'article-stock').click();
  await page.locator('[name=store_id]').selectOption(things.store);
  await at(page, 'stock-delta').fill('a few');
  await at(page, 'form-submit').click();
  await page.getByText('must be a number, such as').waitFor();
  await at(page, 'stock-delta').fill('12');
  await accessible(page, 'the form that puts stock right');
  await at(page, 'form-submit').click();
  await at(page, 'form-dialog').waitFor({ state: 'detached' });
  for (const patience = Date.now() + PATIENCE; ;) {
    const { items } = await call('GET', `/retailers/${things.retailer}/reports/inventory?store_id=${things.store}&q=OAT`);
    if (items[0]?.moved === '12') break;
    if (Date.now() > patience) throw new Error(`the store never put its stock right: ${JSON.stringify(items)}`);
    await page.waitForTimeout(100); // poll: the device asks, does it, and tells
  }
  assert(true, 'its stock is put right by the store');
  await at(page, 'withdraw-article').click();
  await accessible(page, 'the question before an article is withdrawn');
  await at(page, 'confirm-action').click();
  await row.filter({ hasText: 'Withdrawn' }).waitFor();
  await page.setViewportSize({ width: 390, height: 844 });
  await accessible(page, 'the articles on a phone');
  await shoot(page, 'articles-phone');
  await page.setViewportSize({ width: 1440, height: 900 });
  await shoot(page, 'articles');
}

async function report(page, things) {
  await page.goto(`${hub}/retailers/${things.retailer}/reports`);
  await at(page, 'sales-chart').waitFor();
  const { today: [today] } = await figures(things);
  await at(page, 'report-tiles').filter({ hasText: money(today.total) }).waitFor();
  assert(true, `the report says ${money(today.total)} too`);
  await accessible(page, 'the reports');
  await page.locator('.as-table summary').click();
  const cells = await at(page, 'sales-table').locator('tbody tr td:last-child').allInnerTexts();
  const cents = cells.map((cell) => Number(cell.replace('−', '-').replace(/[^\d-]/g, ''))).reduce((a, b) => a + b, 0);
  assert(cells.length === 24 && cents === today.total, 'and its hours add up to it');
  await at(page, 'products').locator('tbody tr').first().waitFor();
  await at(page, 'inventory').locator('tbody tr').first().waitFor();
  for (const what of ['sales', 'products']) {
    const [file] = await Promise.all([page.waitForEvent('download'), at(page, `${what}-download`).click()]);
    const text = readFileSync(await file.path(), 'utf8');
    assert(file.suggestedFilename().startsWith(`${what}-`) && text.split('\r\n').length > 2, `${what} come as a file`);
  }
  await page.locator('input[name=period][value=week]').check({ force: true });
  await page.waitForFunction(() => document.querySelectorAll('[data-testid=sales-chart] rect').length === 7);
  await accessible(page, 'the reports of a week');
  await page.evaluate(() => window.scrollTo(0, 0));
  await shoot(page, 'reports');
}

/** Another person, who may see figures and nothing that can be configured. */
async function asManager(browser, things) {
  const page = await open(browser, { theme: 'dark' });
  await page.goto(`${hub}/retailers/${things.retailer}/stores`);
  await at(page, 'login-name').fill('mia');
  await at(page, 'login-password').fill(PASSWORD);
  await at(page, 'login-submit').click();
  await at(page, 'store-row').nth(1).waitFor();
  await accessible(page, 'the stores in the dark');
  await shoot(page, 'stores-dark');
  await at(page, 'store-link').filter({ hasText: 'Main street' }).click();
  await at(page, 'sale-row').first().waitFor();
  await agrees(page, things);
  await sell(3, 3);
  await agrees(page, things);
  assert((await at(page, 'devices').count()) === 0 && (await at(page, 'letters').count()) === 0, 'a manager sees the figures, live, and no device');
  await accessible(page, 'a store in the dark');
  await shoot(page, 'store-dark');
  await page.goto(`${hub}/retailers/${things.retailer}/reports`);
  await at(page, 'sales-chart').waitFor();
  await accessible(page, 'the reports in the dark');
  await shoot(page, 'reports-dark');
  assert(page.faults.length === 0, `no fault in the manager's console ${page.faults.join(' | ')}`);
  await page.context().close();
}

async function onAPhone(browser, things) {
  const page = await open(browser, { width: 390 });
  await page.goto(`${hub}/retailers/${things.retailer}/stores`);
  await signIn(page);
  await at(page, 'store-row').nth(1).waitFor();
  await accessible(page, 'the stores on a phone');
  await shoot(page, 'stores-phone');
  await page.goto(`${hub}/retailers/${things.retailer}/stores/${things.store}`);
  await at(page, 'stock-row').first().waitFor();
  await accessible(page, 'a store on a phone');
  await shoot(page, 'store-phone');
  await page.goto(`${hub}/retailers/${things.retailer}/reports`);
  await at(page, 'sales-chart').waitFor();
  await accessible(page, 'the reports on a phone');
  await shoot(page, 'reports-phone');
  await page.context().close();
}

/** The device dies: the page says so by itself. */
async function fallSilent(page, edge) {
  edge.kill('SIGKILL');
  await at(page, 'device-state').filter({ hasText: 'Silent' }).waitFor({ timeout: 2 * PATIENCE });
  assert(true, 'a device that is not heard of is told from one that is');
  await at(page, 'revoke-device').click();
  await accessible(page, 'the question before a device is revoked');
  await at(page, 'confirm-action').click();
  await at(page, 'device-state').filter({ hasText: 'Revoked' }).waitFor();
  await at(page, 'enrol-device').waitFor();
}

/** What no test waits for: a hundred stores, and a hub that does not answer. */
async function aHundredStores(page, { retailer }) {
  const id = (n) => `01890a5d-ac96-774b-bcce-b302099a8${String(n).padStart(3, '0')}`;
  const now = Date.now();
  const store = (n) => ({
    store_id: id(n), code: `shop-${n}`, name: `Shop ${n}`, enabled: n % 30 !== 0, day: '2026-11-21',
    today: n % 7 === 6 ? [] : [{ currency: 'EUR', sales: n * 3, refunds: n % 4, total: n * 12_345 }],
    ...(n % 7 === 6 ? {} : { last_sale_at: now - n * 1_000 }),
    devices: { enrolled: 1 + (n % 3), online: n % 9 === 0 ? 0 : 1 + (n % 3), down: n % 9 === 0 ? 1 : 0 },
    backlog: n % 9 === 0 ? n * 7 : 0, ...(n % 9 === 0 ? { oldest_unsent_at: now - 3_600_000 } : {}), dead_letters: n % 20 === 0 ? 2 : 0,
  });
  let answer = { items: Array.from({ length: 100 }, (_, n) => store(n)), total: 100 };
  const levels = answer.items.map((it, n) => ({ store_id: it.store_id, articles: 4_000, low: n % 5, out: n % 8 === 0 ? 3 : 0 }));
  await page.route('**/reports/stores*', (route) => (answer
    ? route.fulfill({ json: answer })
    : route.fulfill({ status: 503, contentType: 'application/problem+json', body: '{}' })));
  await page.route('**/reports/stock', (route) => route.fulfill({ json: { items: levels, total: 100 } }));
  await page.goto(`${hub}/retailers/${retailer}/stores`);
  await at(page, 'store-row').nth(99).waitFor();
  await accessible(page, 'a hundred stores');
  await shoot(page, 'stores-hundred');
  await at(page, 'search-stores').fill('shop-42');
  await page.waitForFunction(() => document.querySelectorAll('[data-testid=store-row]').length === 1);
  assert(true, 'one of them is found by its code');
  await at(page, 'search-stores').fill('');
  await page.getByRole('button', { name: 'Need attention' }).click();
  await page.waitForFunction(() => document.querySelectorAll('[data-testid=store-row]').length === 16);
  assert(true, 'and those that need somebody');
  answer = undefined;
  await page.goto(`${hub}/retailers/${retailer}/reports`);
  await at(page, 'error').waitFor();
  await accessible(page, 'reports without an answer');
  await shoot(page, 'error');
}

await play(async ({ browser, opened, atEnd }) => {
  const things = await furnish();
  const page = await opened();
  await page.goto(`${hub}/retailers/${things.retailer}/reports`);
  await signIn(page);
  await page.getByText('Nothing was sold').first().waitFor();
  await accessible(page, 'reports of nothing');
  await page.goto(`${hub}/retailers/${things.retailer}/stores`);
  await at(page, 'store-link').filter({ hasText: 'Main street' }).click();
  await page.getByText('No device yet').waitFor();
  await live(page);
  await accessible(page, 'a store without a device');
  await shoot(page, 'store-empty');
  const edge = await enrol(page);
  atEnd(() => edge.kill());
  await sellAndWatch(page, things);
  await decide(page, things);
  const url = page.url();
  await report(page, things);
  await asManager(browser, things);
  await onAPhone(browser, things);
  await page.goto(`${hub}/retailers/${things.retailer}`);
  await at(page, 'store-tiles').waitFor();
  await accessible(page, 'the overview of a retailer with stores');
  await shoot(page, 'overview');
  await page.goto(hub);
  await at(page, 'stores-today').filter({ hasText: '1 / 1' }).filter({ hasText: money((await figures(things)).today[0].total) }).waitFor();
  assert(true, 'the dashboard knows the device and what was sold');
  await accessible(page, 'the dashboard with stores');
  await shoot(page, 'dashboard');
  // From here on the store has head office's catalogue, and no longer its sample.
  await articles(page, things);
  await page.goto(url);
  await at(page, 'device-state').filter({ hasText: 'Online' }).waitFor();
  await fallSilent(page, edge);
  faultless(page);
  await aHundredStores(page, things);
  say('the stores do as they should');
});
