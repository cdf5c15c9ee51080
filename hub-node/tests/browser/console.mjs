// What all scripts of the browser tests share: the browser, a page that keeps its faults, the check for accessibility.

import { createRequire } from 'node:module';
import path from 'node:path';

export const given = (name) => {
  const value = process.env[name];
  if (!value) throw new Error(`${name} must be set`);
  return value;
};
const require = createRequire(path.join(given('GROCERYSYNC_BROWSER_MODULES'), 'story.cjs'));
const { chromium } = require('playwright-core');
const { AxeBuilder } = require('@axe-core/playwright');

/** Generous: the machine is shared, and what is tested is that it happens at all. */
export const PATIENCE = 60_000;
export const PASSWORD = 'copper lantern drifts';

export const say = (line) => process.stdout.write(`${line}\n`);

export function assert(holds, what) {
  if (!holds) throw new Error(`not so: ${what}`);
  say(`ok: ${what}`);
}

const launch = () => chromium.launch({
  executablePath: process.env.GROCERYSYNC_CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
});

/** Asks the hub as a program does. */
export async function call(method, path, body, token) {
  const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) };
  const answer = await fetch(`${given('STORY_HUB')}/api/v1${path}`, { method, headers, body: body && JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${method} ${path}: ${await answer.text()}`);
  return answer.json();
}

/** The first person, and a retailer with its path. */
export async function setUp(time_zone = 'Europe/Berlin') {
  const person = { login: 'ann', name: 'Ann Novak', password: PASSWORD };
  const { access_token: token } = await call('POST', '/setup', { token: given('STORY_SETUP_TOKEN'), ...person });
  const shop = { code: 'freshmart', name: 'FreshMart', currency: 'EUR', time_zone };
  const { id } = await call('POST', '/retailers', shop, token);
  return { token, shop, retailer: id, of: `/retailers/${id}` };
}

export async function accessible(page, name) {
  const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
  const { violations } = await new AxeBuilder({ page }).withTags(tags).analyze();
  const told = violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(' ')).join(', ')}`);
  assert(violations.length === 0, `${name} is accessible ${told.join(' | ')}`);
  const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  assert(over <= 0, `${name} fits its window`);
}

export async function open(browser, { theme = 'light', width = 1440 } = {}) {
  const context = await browser.newContext({
    viewport: { width, height: 900 }, colorScheme: theme, reducedMotion: 'reduce',
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  page.faults = [];
  page.on('pageerror', (error) => page.faults.push(String(error)));
  page.on('console', (message) => {
    // A refused request is told as an error too; those of these stories are meant.
    if (message.type() === 'error' && !/Failed to load resource|WebSocket connection/.test(message.text())) {
      page.faults.push(message.text());
    }
  });
  return page;
}

/**
 * Plays a story in a browser of its own. When it breaks, it says where, and what the page that was opened last shows.
 * `atEnd` is told what is to be done at the end, whatever happened.
 */
export async function play(story) {
  const browser = await launch();
  const ends = [];
  let page;
  try {
    const opened = async (look) => (page = await open(browser, look));
    await story({ browser, opened, atEnd: (end) => ends.push(end) });
  } catch (error) {
    say(`FAILED ${error.stack ?? error}`);
    if (page) {
      const shot = process.env.STORY_SCREENSHOT;
      if (shot) await page.screenshot({ path: shot, fullPage: true });
      say(`the page was ${page.url()}: ${(await page.locator('body').innerText()).slice(0, 2000)}`);
      say(`faults: ${page.faults.join(' | ')}`);
    }
    process.exitCode = 1;
  } finally {
    for (const end of ends) end();
    await browser.close();
  }
}

export function faultless(page) {
  assert(page.faults.length === 0, `no fault in the page's console ${page.faults.join(' | ')}`);
}

export const at = (page, id) => page.getByTestId(id);

export async function live(page) {
  await at(page, 'live-state').filter({ hasText: 'Live' }).waitFor();
}

export async function signIn(page) {
  await at(page, 'login-name').fill('ann');
  await at(page, 'login-password').fill(PASSWORD);
  await at(page, 'login-submit').click();
}
