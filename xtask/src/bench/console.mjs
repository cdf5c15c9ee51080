// Opens the list of retailers with a cold cache, again and again, and tells as one line of JSON each time: how long it took
// from the address to rows that can be used, and what the browser loaded for it.

import { createRequire } from 'node:module';
import path from 'node:path';

const given = (name) => {
  const value = process.env[name];
  if (!value) throw new Error(`${name} must be set`);
  return value;
};
const require = createRequire(path.join(given('GROCERYSYNC_BROWSER_MODULES'), 'bench.cjs'));
const { chromium } = require('playwright-core');

const hub = given('BENCH_HUB');
const rounds = Number(given('BENCH_ROUNDS'));
const rows = Number(given('BENCH_ROWS'));
const login = { login: given('BENCH_LOGIN'), password: given('BENCH_PASSWORD') };
const PATIENCE = 60_000;

const browser = await chromium.launch({
  executablePath: given('GROCERYSYNC_CHROMIUM'),
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
});
// The first round warms the machine, not the cache, and is not counted.
for (let round = 0; round <= rounds; round += 1) {
  // A context of its own: no cache, no compiled code, only the session.
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  const answer = await context.request.post(`${hub}/api/v1/login`, { data: login });
  if (!answer.ok()) throw new Error(`the hub refuses to sign in: ${await answer.text()}`);
  await context.addInitScript(() => localStorage.setItem('grocerysync-signed-in', '1'));
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  // Counted in the page from the start of the navigation, to the frame in which the last row and the search are painted.
  await page.addInitScript((wanted) => {
    const look = () => {
      const drawn = document.querySelectorAll('[data-testid=retailer-row]').length;
      if (drawn < wanted || !document.querySelector('[data-testid=search]')) return requestAnimationFrame(look);
      return requestAnimationFrame(() => requestAnimationFrame(() => { window.benchUsable = performance.now(); }));
    };
    requestAnimationFrame(look);
  }, rows);
  await page.goto(`${hub}/retailers?limit=${rows}`, { waitUntil: 'commit' });
  await page.waitForFunction(() => window.benchUsable !== undefined);
  const seen = await page.evaluate(() => {
    const all = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
    const files = all.filter((entry) => entry.startTime < window.benchUsable && !new URL(entry.name).pathname.startsWith('/api/'));
    return { usable: window.benchUsable, bytes: files.reduce((sum, entry) => sum + entry.encodedBodySize, 0) };
  });
  // Usable means that it answers: what is typed narrows the list.
  const begun = performance.now();
  await page.getByTestId('search').fill('retailer 499');
  await page.waitForFunction(() => document.querySelectorAll('[data-testid=retailer-row]').length === 1);
  const search = performance.now() - begun;
  if (round > 0) {
    process.stdout.write(`${JSON.stringify({
      usable_ms: Math.round(seen.usable), search_ms: Math.round(search), bytes: seen.bytes,
    })}\n`);
  }
  await context.close();
}
await browser.close();
