// A job whose columns are not called as fields are: looked at in the shop, mapped by lines, tried on the shop's own rows,
// saved and run; and the same form in the dark on a phone.

import { execFile, spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { accessible, assert, at, call, faultless, given, live, play, setUp, signIn } from './console.mjs';

const hub = given('STORY_HUB');
const folder = given('STORY_FOLDER');
const shots = process.env.STORY_SHOTS;
const run = promisify(execFile);
const program = path.join(given('STORY_PROGRAMS'), 'agent-node');

const ARTICLES = [
  'ARTNR;Marke;Text;Netto;Aktiv;Lager', '7;Alm;milch 1 l;1,00;1;12', '8;Bio;brot;2,00;0;3', '9;;tee;frei;1;5', '10;Korn;reis;4,20;1;40',
].join('\n');

/** A retailer with an agent at work and a destination. */
async function furnish() {
  const { token, of } = await setUp();
  const made = await call('POST', `${of}/agents`, { name: 'Back office' }, token);
  const enrolment = await call('POST', `${of}/agents/${made.id}/enrolment`, undefined, token);
  const data = path.join(folder, 'agent');
  await run(program, ['enrol', '--hub', hub, '--token', enrolment.token, '--data-dir', data]);
  const agent = spawn(program, ['run', '--data-dir', data, '--stop-on-stdin-close'], { stdio: ['pipe', 'ignore', 'inherit'] });
  const config = { kind: 'local_file', path: path.join(folder, 'out/items.csv'), format: 'csv' };
  await call('POST', `${of}/destinations`, { name: 'Folder', config }, token);
  await writeFile(path.join(folder, 'items.csv'), `${ARTICLES}\n`);
  return [`${hub}${of}`, agent];
}

const column = (page, name) => at(page, 'map-column').filter({ hasText: name });
const field = (page, name) => at(page, `map-field-${name}`);

async function shoot(page, name) {
  if (shots) await page.screenshot({ path: path.join(shots, `${name}.png`), fullPage: true });
}

async function fill(page) {
  await at(page, 'new-job').first().click();
  await at(page, 'job-name').fill('Online prices');
  await at(page, 'job-path').fill(path.join(folder, 'items.csv'));
  await at(page, 'job-delimiter').fill(';');
  await page.getByLabel('Decimal mark').selectOption({ index: 1 });
}

async function look(page) {
  await at(page, 'look-source').click();
  await at(page, 'look-note').filter({ hasText: 'has 6 columns' }).waitFor();
  await column(page, 'ARTNR').waitFor();
}

/** Pulls a line with the mouse. */
async function pull(page, from, to) {
  await from.scrollIntoViewIfNeeded();
  const [a, b] = [await from.boundingBox(), await to.boundingBox()];
  await page.mouse.move(a.x + a.width / 2, a.y + a.height / 2);
  await page.mouse.down();
  await page.mouse.move(b.x - 40, b.y + b.height / 2, { steps: 5 });
  await page.mouse.move(b.x + b.width / 2, b.y + b.height / 2, { steps: 5 });
  await page.mouse.up();
}

const drawn = (page) => page.locator('.map-lines path:not(.by-name):not(.loose)');

async function step(page, name, ...values) {
  const steps = at(page, 'map-step');
  const before = await steps.count();
  await at(page, 'map-new-step').selectOption({ label: name });
  await steps.nth(before).waitFor();
  const params = steps.nth(before).getByTestId('map-param');
  for (const [n, value] of values.entries()) {
    const param = params.nth(n);
    if (await param.evaluate((element) => element.tagName === 'SELECT')) await param.selectOption(value);
    else await param.fill(value);
  }
}

/** Lines by mouse, by two presses and by keys; steps; a filter; and the preview follows. */
async function map(page) {
  await look(page);
  assert((await drawn(page).count()) === 0, 'nothing is mapped yet');
  await at(page, 'map-counts').filter({ hasText: '0 sent, 4 rejected' }).waitFor();
  await pull(page, column(page, 'ARTNR'), field(page, 'sku'));
  await drawn(page).nth(0).waitFor({ state: 'attached' });
  await step(page, 'Fill up in front', '5', '0');
  await at(page, 'map-example').filter({ hasText: '00007' }).waitFor();
  assert(true, 'a line is pulled, and a step shows what it does');
  await at(page, 'map-done').click();

  await column(page, 'Netto').click();
  assert((await column(page, 'Netto').getAttribute('aria-pressed')) === 'true', 'a column is chosen by a press');
  await field(page, 'price').click();
  await step(page, 'Add per cent', 'many');
  await at(page, 'map-faults').filter({ hasText: /must be a number/i }).waitFor();
  await at(page, 'map-param').first().fill('19');
  await at(page, 'map-faults').waitFor({ state: 'detached' });
  await step(page, 'Round', '0.05', 'up');
  await at(page, 'map-example').filter({ hasText: '1.20' }).waitFor();
  assert(true, 'what is wrong is said, and gone when it is mended');
  await accessible(page, 'the mapping of a job');
  await shoot(page, 'mapping-light-rule');

  await column(page, 'Marke').focus();
  await page.keyboard.press('Enter');
  await field(page, 'name').focus();
  await page.keyboard.press('Enter');
  await at(page, 'map-from').selectOption('template');
  assert((await at(page, 'map-text').inputValue()) === '{Marke}', 'a column becomes the beginning of a text');
  await column(page, 'Text').focus();
  await page.keyboard.press('Enter');
  await page.keyboard.press('Escape');
  assert((await column(page, 'Text').getAttribute('aria-pressed')) === 'false', 'a choice can be taken back, and the form stays');
  await page.keyboard.press('Enter');
  await field(page, 'name').focus();
  await page.keyboard.press('Enter');
  assert((await at(page, 'map-text').inputValue()) === '{Marke} {Text}', 'a second line joins it');
  await step(page, 'Change capitals', 'title');
  await column(page, 'Lager').click();
  await field(page, 'stock').click();

  await at(page, 'map-filter').locator('summary').click();
  await at(page, 'map-add-condition').click();
  await at(page, 'map-condition-column').fill('Aktiv');
  await at(page, 'map-condition-value').fill('1');
  await at(page, 'map-counts').filter({ hasText: '2 sent, 1 rejected, 1 left out' }).waitFor();
  const rows = at(page, 'map-preview-row');
  assert(/00007.*Alm Milch 1 L.*1\.20/s.test(await rows.first().innerText()), `the shop's own rows: ${await rows.first().innerText()}`);
  assert(/Rejected/.test(await rows.nth(2).innerText()), 'with what is rejected');
  await at(page, 'map-done').click();
  await accessible(page, 'a job with a mapping');
  await shoot(page, 'mapping-light');

  await at(page, 'test-destination').click();
  await at(page, 'look-note').nth(1).waitFor();
  assert(true, `the destination is tried from the shop: ${await at(page, 'look-note').nth(1).innerText()}`);
}

async function saveAndRun(page, url) {
  await at(page, 'form-submit').click();
  const row = at(page, 'job-row').filter({ hasText: 'Online prices' });
  await row.waitFor();
  await at(page, 'form-dialog').waitFor({ state: 'detached' });
  await row.getByTestId('run-job').click();
  await at(page, 'run-state').filter({ hasText: 'Succeeded' }).waitFor();
  const arrived = await readFile(path.join(folder, 'out/items.csv'), 'utf8');
  const lines = arrived.trim().split('\n').slice(1);
  assert(lines.join('|') === '00007,Alm Milch 1 L,,1.20,,12,,,|00010,Korn Reis,,5.00,,40,,,', `what was shown has arrived: ${lines.join(' | ')}`);
  await at(page, 'left-out').filter({ hasText: '1' }).waitFor();
  assert(true, 'what was left out is told');
  await accessible(page, 'the run of a job with a mapping');

  await page.goto(`${url}/jobs`);
  await row.getByRole('button', { name: /edit/i }).click();
  await drawn(page).nth(3).waitFor({ state: 'attached' });
  assert((await drawn(page).count()) === 5, 'the mapping is in the form again, before anybody looks');
  await column(page, 'Lager').click();
  await field(page, 'unit').click();
  await page.keyboard.press('Escape');
  await at(page, 'discard').waitFor();
  assert(true, 'a line is not lost by a slip');
  await at(page, 'discard-leave').click();
  await at(page, 'form-dialog').waitFor({ state: 'detached' });
}

/** On a phone there is a list of columns for each field. */
async function phone(page, url) {
  await page.goto(`${url}/jobs`);
  await at(page, 'job-row').filter({ hasText: 'Online prices' }).getByRole('button', { name: /edit/i }).click();
  await look(page).catch(async () => at(page, 'look-note').filter({ hasText: 'has 6 columns' }).waitFor());
  await page.getByLabel('Column for Category').selectOption('Marke');
  await at(page, 'map-rule').waitFor();
  await at(page, 'map-counts').filter({ hasText: '2 sent' }).waitFor();
  await accessible(page, 'a mapping on a phone in the dark');
  await shoot(page, 'mapping-dark-phone');
  await at(page, 'form-submit').click();
  await at(page, 'form-dialog').waitFor({ state: 'detached' });
  assert(true, 'a column is chosen from a list on a phone');
}

await play(async ({ opened, atEnd }) => {
  const [url, agent] = await furnish();
  atEnd(() => agent.kill());
  for (const wide of [true, false]) {
    const page = await opened(wide ? {} : { theme: 'dark', width: 390 });
    await page.goto(`${url}/jobs`);
    await signIn(page);
    await live(page);
    if (wide) {
      await fill(page);
      await map(page);
      await saveAndRun(page, url);
    } else {
      await phone(page, url);
    }
    faultless(page);
    await page.context().close();
  }
  const page = await opened({ theme: 'dark' });
  await page.goto(`${url}/jobs`);
  await signIn(page);
  await at(page, 'job-row').filter({ hasText: 'Online prices' }).getByRole('button', { name: /edit/i }).click();
  await look(page);
  await field(page, 'price').click();
  await accessible(page, 'a mapping in the dark');
  await shoot(page, 'mapping-dark');
});
