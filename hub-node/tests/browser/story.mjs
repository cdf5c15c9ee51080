// A technician's first day, in a real browser against a real hub: first start, retailer, agent, destination, job, run,
// a hub that is killed meanwhile, two people who edit the same thing. Each page is checked for accessibility.
// The test that starts this script gives the addresses and plays the world: it kills the hub when told to.

import { spawn, execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

import {
  accessible, assert, at, faultless, given, live, open, PASSWORD, PATIENCE, play, say, signIn,
} from './console.mjs';

const hub = given('STORY_HUB');
const world = createInterface({ input: process.stdin });
const answers = world[Symbol.asyncIterator]();

async function setUp(page) {
  await page.goto(hub);
  await at(page, 'setup-token').fill('wrong');
  await at(page, 'setup-name').fill('Ann Novak');
  await at(page, 'setup-login').fill('ann');
  await at(page, 'setup-password').fill(PASSWORD);
  await accessible(page, 'the first start');
  await at(page, 'setup-submit').click();
  await at(page, 'error').waitFor();
  assert(true, 'a wrong setup token is refused with a sentence');
  await at(page, 'setup-token').fill(given('STORY_SETUP_TOKEN'));
  await at(page, 'setup-submit').click();
  await live(page);
  await accessible(page, 'the empty dashboard');
  await page.reload();
  await live(page);
  assert(true, 'the session goes on after a reload');
}

async function makeRetailer(page) {
  await page.goto(`${hub}/retailers`);
  await at(page, 'new-retailer').first().click();
  await at(page, 'retailer-name').fill('FreshMart');
  await at(page, 'retailer-code').fill('Fresh Mart');
  await at(page, 'retailer-currency').fill('VND');
  await at(page, 'form-submit').click();
  await page.locator('[aria-invalid=true]').first().waitFor();
  await accessible(page, 'a form with a fault');
  await at(page, 'retailer-code').fill('freshmart');
  await at(page, 'form-submit').click();
  await at(page, 'tab-agents').waitFor();
  await accessible(page, 'the new retailer');
}

/** Runs exactly the command that the dialog shows. */
async function enrol(page) {
  await at(page, 'tab-agents').click();
  await at(page, 'new-agent').first().click();
  await at(page, 'agent-name').fill('Back office');
  await at(page, 'form-submit').click();
  const command = await at(page, 'enrol-command').innerText();
  await accessible(page, 'the enrolment dialog');
  const env = {
    ...process.env, GROCERYSYNC_AGENT_DATA_DIR: given('STORY_AGENT_FOLDER'),
    PATH: `${given('STORY_PROGRAMS')}:${process.env.PATH}`,
  };
  const [program, ...parts] = command.trim().split(/\s+/);
  await promisify(execFile)(program, parts, { env });
  const agent = spawn(program, ['run', '--stop-on-stdin-close'], { env, stdio: ['pipe', 'ignore', 'inherit'] });
  await at(page, 'enrol-state').filter({ hasText: 'connected' }).waitFor();
  assert(true, 'the dialog turns by itself when the agent arrives');
  await at(page, 'enrol-close').click();
  return agent;
}

async function makeDestination(page) {
  await at(page, 'tab-destinations').click();
  await at(page, 'new-destination').first().click();
  await at(page, 'destination-name').fill('Web shop');
  await at(page, 'sftp-host').fill('127.0.0.1');
  await at(page, 'sftp-port').fill(given('STORY_SFTP_PORT'));
  await at(page, 'sftp-user').fill(given('STORY_SFTP_USER'));
  await at(page, 'destination-path').fill(`${given('STORY_SFTP_FOLDER')}/out/items.csv`);
  await at(page, 'sftp-host-key').fill(given('STORY_SFTP_HOST_KEY'));
  await page.getByRole('radio', { name: /key/i }).check();
  await at(page, 'sftp-private-key').fill(readFileSync(given('STORY_SFTP_CLIENT_KEY'), 'utf8'));
  await accessible(page, 'the destination form');
  await at(page, 'form-submit').click();
  await at(page, 'destination-row').waitFor();
}

async function makeJob(page, name, source) {
  await at(page, 'tab-jobs').click();
  await at(page, 'new-job').first().click();
  await at(page, 'job-name').fill(name);
  await at(page, 'job-path').fill(source);
  await accessible(page, 'the job form');
  await at(page, 'form-submit').click();
  await at(page, 'job-row').filter({ hasText: name }).waitFor();
}

async function press(page, job) {
  await at(page, 'tab-jobs').click();
  await at(page, 'job-row').filter({ hasText: job }).getByTestId('run-job').click();
  await at(page, 'run-state').waitFor();
}

async function watchRun(page) {
  await press(page, 'Prices');
  await at(page, 'run-state').filter({ hasText: 'Succeeded' }).waitFor();
  await at(page, 'log-line').first().waitFor();
  const rows = Number(given('STORY_ROWS'));
  const text = await page.locator('main').innerText();
  assert(text.includes(String(rows)) && text.includes(String(rows - 3)), `${rows} read and ${rows - 3} sent are on the page`);
  assert((await at(page, 'reject-row').count()) === 3, 'the three bad rows are listed');
  await accessible(page, 'a run that is over');
}

/** The hub dies while a run is at work: the page says so, comes back and shows the end. */
async function surviveTheHub(page) {
  await press(page, 'Everything');
  await at(page, 'run-state').filter({ hasText: 'Running' }).waitFor();
  say('KILL HUB');
  await at(page, 'live-state').filter({ hasNotText: 'Live' }).waitFor();
  assert(true, 'the page says that it is not live');
  await accessible(page, 'a page without its hub');
  await answers.next();
  await live(page);
  await at(page, 'run-state').filter({ hasText: 'Succeeded' }).waitFor({ timeout: 4 * PATIENCE });
  assert(true, 'the page is live again and the run has ended well');
}

/** Two people change the same agent's name. */
async function conflict(browser, page, url) {
  const other = await open(browser, { theme: 'dark' });
  await other.goto(url);
  await at(other, 'login-name').waitFor();
  await accessible(other, 'the login page in the dark');
  await signIn(other);
  await at(other, 'tab-agents').waitFor();
  for (const side of [page, other]) {
    await side.goto(url);
    await at(side, 'edit-retailer').click();
    await at(side, 'retailer-name').waitFor();
  }
  await at(other, 'retailer-name').fill('FreshMart Theirs');
  await at(other, 'form-submit').click();
  await other.getByRole('heading', { name: 'FreshMart Theirs' }).waitFor();
  await at(page, 'retailer-name').fill('FreshMart Mine');
  await at(page, 'form-submit').click();
  await at(page, 'conflict').waitFor();
  assert((await at(page, 'conflict').innerText()).includes('FreshMart Theirs'), 'the loser sees both versions');
  await accessible(page, 'a conflict');
  await at(page, 'conflict-save').click();
  await other.getByRole('heading', { name: 'FreshMart Mine' }).waitFor();
  assert(true, 'the other page follows without a reload');
  for (const where of ['/', '/retailers', '/actors', '/cluster', '/users', '/account']) {
    await other.goto(hub + where);
    await live(other);
    await accessible(other, `${where} in the dark`);
  }
  assert(other.faults.length === 0, `no fault in the other page's console ${other.faults.join(' | ')}`);
  await other.context().close();
}

async function onAPhone(browser, url) {
  const page = await open(browser, { width: 390 });
  await page.goto(url);
  await signIn(page);
  await at(page, 'tab-jobs').waitFor();
  await accessible(page, 'the retailer on a phone');
  for (const where of ['/', '/retailers']) {
    await page.goto(hub + where);
    await live(page);
    await accessible(page, `${where} on a phone`);
  }
  await page.context().close();
}

async function signOut(page) {
  await page.goto(hub);
  await live(page);
  await at(page, 'user-menu').click();
  await at(page, 'sign-out').click();
  await at(page, 'login-submit').waitFor();
  await page.goto(`${hub}/retailers`);
  await at(page, 'login-submit').waitFor();
  assert(true, 'signed out is signed out');
}

await play(async ({ browser, opened, atEnd }) => {
  atEnd(() => world.close());
  const page = await opened();
  await setUp(page);
  await makeRetailer(page);
  const url = page.url().replace(/(retailers\/[^/]+).*/, '$1');
  const agent = await enrol(page);
  atEnd(() => agent.kill());
  await makeDestination(page);
  await makeJob(page, 'Prices', given('STORY_SOURCE'));
  await makeJob(page, 'Everything', given('STORY_BIG_SOURCE'));
  await watchRun(page);
  await page.goto(url);
  await surviveTheHub(page);
  await conflict(browser, page, url);
  await onAPhone(browser, url);
  await signOut(page);
  faultless(page);
  say('the story has ended well');
});
