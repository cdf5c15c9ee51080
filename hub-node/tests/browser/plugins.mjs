// Plugins in the console: an agent tells of them, the forms are drawn from their schemas, a run goes through them.

import { execFile, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';

import { accessible, assert, at, call, faultless, given, live, open, play, setUp, signIn } from './console.mjs';

const hub = given('STORY_HUB');
const folder = given('STORY_AGENT_FOLDER');
const program = path.join(given('STORY_PROGRAMS'), 'agent-node');
const plugins = path.join(folder, 'plugins');
const run = promisify(execFile);

const SETTINGS = {
  type: 'object',
  required: ['host', 'password'],
  additionalProperties: false,
  properties: {
    host: { type: 'string', title: 'Host', description: 'Where the till is.' },
    port: { type: 'integer', default: 5432 },
    mode: { enum: ['fast', 'safe'] },
    tls: { type: 'boolean' },
    tables: { type: 'array' },
    password: { type: 'string' },
  },
};

const TAP = `#!/bin/sh
cp "$2" config
echo '{"type":"SCHEMA","stream":"articles","schema":{"properties":{"no":{},"name":{},"price":{}}}}'
echo '{"type":"RECORD","stream":"articles","record":{"no":"17","name":"Milk","price":1.10}}'
echo '{"type":"RECORD","stream":"articles","record":{"no":"18","name":"Bread","price":2.50}}'
`;

function plugin(name, manifest, script, settings) {
  const own = path.join(plugins, name);
  mkdirSync(own, { recursive: true });
  writeFileSync(path.join(own, 'run'), script);
  chmodSync(path.join(own, 'run'), 0o755);
  writeFileSync(path.join(own, 'plugin.toml'), `command = "./run"\n${manifest}\n`);
  if (settings) writeFileSync(path.join(own, 'settings.json'), JSON.stringify(settings));
}

/** A retailer with an agent that has two plugins. */
async function furnish() {
  plugin('tap-till', 'kind = "tap"\nversion = "2.1"\nabout = "Reads the till"\ndiscover = false', TAP, SETTINGS);
  plugin('target-shelf', 'kind = "target"', '#!/bin/sh\ncat > got\necho \'{"grocerysync_items": 2}\'\n');
  const { token, of } = await setUp();
  const agent = await call('POST', `${of}/agents`, { name: 'Back office' }, token);
  const enrolment = await call('POST', `${of}/agents/${agent.id}/enrolment`, {}, token);
  const data = ['--data-dir', path.join(folder, 'data')];
  await run(program, ['enrol', '--hub', hub, '--token', enrolment.token, ...data]);
  const child = spawn(program, ['run', '--stop-on-stdin-close', '--plugins', plugins, ...data],
    { stdio: ['pipe', 'ignore', 'inherit'] });
  return [`${hub}${of}`, child];
}

async function save(page, row) {
  await at(page, 'form-submit').click();
  await row.waitFor();
  await at(page, 'form-dialog').waitFor({ state: 'detached' });
}

const fault = (page, text) => at(page, 'form-dialog').getByText(text).first().waitFor();

async function agents(page) {
  await at(page, 'tab-agents').click();
  const told = at(page, 'agent-plugins');
  await told.filter({ hasText: 'tap-till 2.1 (reads), target-shelf (writes)' }).waitFor();
  assert(true, 'the agent tells of its plugins');
  await accessible(page, 'agents with plugins');
}

async function destination(page) {
  await at(page, 'tab-destinations').click();
  await at(page, 'new-destination').first().click();
  await page.getByRole('radio', { name: 'Plugin' }).check();
  await at(page, 'destination-name').fill('Shelf labels');
  await at(page, 'more-settings').fill('not JSON');
  await at(page, 'form-submit').click();
  await fault(page, /Must be a JSON object/);
  await at(page, 'more-settings').fill('{"printer": "front"}');
  await accessible(page, 'the form of a plugin without a schema');
  await save(page, at(page, 'destination-row').filter({ hasText: 'target-shelf' }));
  assert(true, 'a plugin is a destination');
}

async function job(page) {
  await at(page, 'tab-jobs').click();
  await at(page, 'new-job').first().click();
  await at(page, 'job-name').fill('From the till');
  await at(page, 'job-source-kind').selectOption('singer');
  await at(page, 'setting-port').fill('many');
  await at(page, 'form-submit').click();
  await fault(page, /Must be a whole number/);
  await fault(page, /Must not be empty/);
  await at(page, 'setting-host').fill('till.local');
  await at(page, 'setting-port').fill('5433');
  await at(page, 'setting-mode').selectOption('safe');
  await at(page, 'setting-tls').selectOption('true');
  await at(page, 'setting-tables').fill('["articles"]');
  await at(page, 'setting-password').fill('open sesame');
  await page.locator('summary', { hasText: 'Values' }).click();
  await at(page, 'column.sku').fill('no');
  await accessible(page, 'the form of a tap');
  await save(page, at(page, 'job-row').filter({ hasText: 'From the till' }));
  await at(page, 'job-row').getByRole('button', { name: /edit/i }).click();
  assert((await at(page, 'setting-port').inputValue()) === '5433', 'what was stored is in the form');
  assert((await at(page, 'setting-password').inputValue()) === '', 'but for its secret');
  await at(page, 'job-name').fill('From the till, nightly');
  await save(page, at(page, 'job-row').filter({ hasText: 'nightly' }));
  await at(page, 'job-row').getByTestId('run-job').click();
  await at(page, 'run-state').filter({ hasText: 'Succeeded' }).waitFor();
  const config = JSON.parse(readFileSync(path.join(plugins, 'tap-till', 'config'), 'utf8'));
  const wanted = { host: 'till.local', mode: 'safe', password: 'open sesame', port: 5433, tables: ['articles'], tls: true };
  assert(JSON.stringify(config) === JSON.stringify(wanted), `the tap got its settings: ${JSON.stringify(config)}`);
  const got = readFileSync(path.join(plugins, 'target-shelf', 'got'), 'utf8');
  assert(/"sku":"18","name":"Bread","barcode":null,"price":2\.50/.test(got), 'and the target its items');
}

await play(async ({ opened, atEnd }) => {
  const [url, agent] = await furnish();
  atEnd(() => agent.stdin.end());
  for (const look of [{}, { theme: 'dark', width: 390 }]) {
    const page = await opened(look);
    await page.goto(url);
    await signIn(page);
    await live(page);
    if (look.theme) {
      await page.goto(`${url}/agents`);
      await at(page, 'agent-plugins').waitFor();
      await accessible(page, 'plugins on a phone in the dark');
      await page.goto(`${url}/jobs`);
      await at(page, 'job-row').getByRole('button', { name: /edit/i }).click();
      await at(page, 'setting-host').waitFor();
      await accessible(page, 'a tap on a phone in the dark');
    } else {
      await agents(page);
      await destination(page);
      await job(page);
    }
    const shots = process.env.STORY_SHOTS;
    if (shots) await page.screenshot({ path: path.join(shots, `plugins-${look.theme ?? 'light'}.png`), fullPage: true });
    faultless(page);
    await page.context().close();
  }
});
