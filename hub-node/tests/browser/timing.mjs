// A job that runs by itself, what waits for an agent that is away, the places beside SFTP that items may go to; and all
// of that carried to other retailers as a file.

import { readFile } from 'node:fs/promises';

import { accessible, assert, at, call, faultless, given, live, play, setUp, signIn } from './console.mjs';

const hub = given('STORY_HUB');

/** A retailer whose agent was made and never came. */
async function furnish() {
  const { token, of } = await setUp();
  await call('POST', `${of}/agents`, { name: 'Back office' }, token);
  return `${hub}${of}`;
}

async function save(page, row) {
  await at(page, 'form-submit').click();
  await row.waitFor();
  await at(page, 'form-dialog').waitFor({ state: 'detached' });
}

const fault = (page, text) => at(page, 'form-dialog').getByText(text).first().waitFor();

/** Each kind has its own fields; what is wrong is said beside them; secrets are not shown again. */
async function platforms(page) {
  await at(page, 'tab-destinations').click();
  const kinds = [
    ['Webhook', 'https://shop.example/import', async () => at(page, 'credentials.token').fill('a-secret-that-nobody-guesses')],
    ['WooCommerce', 'https://woo.example', async () => {
      await at(page, 'credentials.key').fill('ck_0123456789');
      await at(page, 'credentials.secret').fill('cs_0123456789');
    }],
    ['Shopify', 'https://fresh.myshopify.com', async () => at(page, 'credentials.token').fill('shpat_0123456789')],
  ];
  for (const [kind, url, credentials] of kinds) {
    await at(page, 'new-destination').first().click();
    await page.getByRole('radio', { name: kind }).check();
    await at(page, 'destination-name').fill(`Our ${kind}`);
    await at(page, 'platform-url').fill('no address');
    await credentials();
    await at(page, 'form-submit').click();
    await fault(page, /Must be an address/);
    await accessible(page, `the form of a ${kind} destination`);
    await at(page, 'platform-url').fill(url);
    await save(page, at(page, 'destination-row').filter({ hasText: `Our ${kind}` }));
    assert(true, `a ${kind} destination is made`);
  }
  await at(page, 'destination-row').filter({ hasText: 'Our Shopify' }).getByRole('button', { name: /edit/i }).click();
  assert((await at(page, 'platform-url').inputValue()) === 'https://fresh.myshopify.com', 'what was stored is in the form');
  assert((await at(page, 'credentials.token').inputValue()) === '', 'but for its secret');
  await page.keyboard.press('Escape');
  await at(page, 'form-dialog').waitFor({ state: 'detached' });
}

/** The next times are told before anything is saved, in the retailer's own hours. */
async function byItself(page) {
  await at(page, 'tab-jobs').click();
  await at(page, 'new-job').first().click();
  await at(page, 'job-name').fill('Nightly prices');
  await at(page, 'job-path').fill('/pos/items.csv');
  await page.getByRole('radio', { name: 'At set times' }).check();
  const times = at(page, 'next-times');
  await times.locator('li').nth(4).waitFor();
  await at(page, 'schedule-cron').fill('30 4 31 2 *');
  await times.locator('.fault').waitFor();
  assert(true, `a day that never comes is told: ${await times.locator('.fault').innerText()}`);
  await at(page, 'schedule-cron').fill('30 4 * * mon');
  await times.locator('li').nth(4).waitFor();
  const texts = await times.locator('li').allInnerTexts();
  assert(texts.every((text) => text.includes('04:30')), `five Mondays: ${texts.join(', ')}`);
  await accessible(page, 'the form of a job that runs by itself');
  await save(page, at(page, 'job-row').filter({ hasText: 'Nightly prices' }));
  await at(page, 'job-row').filter({ hasText: 'Nightly prices' }).getByRole('button', { name: /edit/i }).click();
  assert((await at(page, 'schedule-cron').inputValue()) === '30 4 * * mon', 'the schedule is stored');
  await page.getByRole('radio', { name: 'Every so often' }).check();
  await at(page, 'schedule-every').fill('0');
  await times.locator('.fault').waitFor();
  assert(true, 'no pause at all is no schedule');
  await page.getByRole('radio', { name: 'By hand' }).check();
  await times.waitFor({ state: 'detached' });
  await save(page, at(page, 'job-row').filter({ hasText: 'Nightly prices' }));
}

/** Runs wait for their agent, can be reordered, and are cancelled together. */
async function whatWaits(page, url) {
  await at(page, 'new-job').first().click();
  await at(page, 'job-name').fill('Stock');
  await at(page, 'job-path').fill('/pos/stock.csv');
  await save(page, at(page, 'job-row').filter({ hasText: 'Stock' }));
  for (const job of ['Nightly prices', 'Stock']) {
    await page.goto(`${url}/jobs`);
    await at(page, 'job-row').filter({ hasText: job }).getByTestId('run-job').click();
    await at(page, 'run-state').waitFor();
    await at(page, 'run-waits').waitFor();
    assert(true, `${job} waits, and its page says for what`);
  }
  await page.goto(`${url}/runs`);
  const waiting = at(page, 'queue').locator('li');
  await waiting.nth(1).waitFor();
  assert((await waiting.first().innerText()).includes('Nightly prices'), 'first come, first served');
  await accessible(page, 'what waits');
  await waiting.nth(1).getByRole('button').click();
  await waiting.first().filter({ hasText: 'Stock' }).waitFor();
  assert(true, 'unless somebody says otherwise');
  await at(page, 'purge-queue').click();
  await at(page, 'queue').waitFor({ state: 'detached' });
  await at(page, 'run-row').filter({ hasText: 'Cancelled' }).nth(1).waitFor();
  assert(true, 'both are cancelled, and nothing waits');
}

/** All of it goes out as a file, into a copy, and where something is missing. */
async function elsewhere(page, url) {
  await page.goto(url);
  const saving = page.waitForEvent('download');
  await at(page, 'configuration-save').click();
  const file = await saving;
  assert(file.suggestedFilename() === 'freshmart.json', 'the file is called as its retailer');
  const path = await file.path();
  const text = await readFile(path, 'utf8');
  assert(text.includes('Nightly prices') && !text.includes('shpat_0123456789'), 'it has the jobs, and no secrets');

  await at(page, 'configuration-copy').click();
  await at(page, 'form-dialog').waitFor();
  assert((await at(page, 'retailer-code').inputValue()) === 'freshmart-copy', 'another code is proposed');
  await accessible(page, 'the dialog of a copy');
  await at(page, 'retailer-code').fill('freshmart');
  await at(page, 'form-submit').click();
  await fault(page, /is in use/i);
  await at(page, 'retailer-code').fill('freshmart-2');
  await at(page, 'form-submit').click();
  await page.getByRole('heading', { name: 'FreshMart copy' }).waitFor();
  await at(page, 'tab-jobs').click();
  await at(page, 'job-row').nth(1).waitFor();
  assert((await at(page, 'job-row').first().innerText()).includes('Disabled'), 'the copy has the jobs, and none is at work');

  await at(page, 'job-row').filter({ hasText: 'Stock' }).getByRole('button', { name: /delete/i }).click();
  await at(page, 'confirm-action').click();
  await at(page, 'job-row').nth(1).waitFor({ state: 'detached' });
  await at(page, 'tab-overview').click();
  await at(page, 'configuration-import').click();
  await at(page, 'import-file').setInputFiles({ name: 'x.json', mimeType: 'application/json', buffer: Buffer.from('{ no') });
  await at(page, 'import-dialog').getByText(/no JSON/).waitFor();
  await at(page, 'import-file').setInputFiles(path);
  const outlook = at(page, 'import-outlook').locator('tr');
  await outlook.filter({ hasText: 'Stock' }).filter({ hasText: 'Is added' }).waitFor();
  await outlook.filter({ hasText: 'Nightly prices' }).filter({ hasText: 'Is there' }).waitFor();
  await accessible(page, 'what an import would do');
  await at(page, 'import-confirm').click();
  await at(page, 'import-dialog').waitFor({ state: 'detached' });
  await at(page, 'tab-jobs').click();
  await at(page, 'job-row').filter({ hasText: 'Stock' }).waitFor();
  assert(true, 'what was missing is there again');

  await page.goto(`${hub}/retailers`);
  await at(page, 'new-retailer').first().click();
  await at(page, 'retailer-file').setInputFiles(path);
  await at(page, 'retailer-code').fill('freshmart-3');
  await at(page, 'form-submit').click();
  await page.getByRole('heading', { name: 'FreshMart', exact: true }).waitFor();
  await at(page, 'tab-destinations').click();
  await at(page, 'destination-row').nth(2).waitFor();
  assert(true, 'a retailer is made of the file');
}

await play(async ({ opened }) => {
  const url = await furnish();
  for (const look of [{}, { theme: 'dark', width: 390 }]) {
    const page = await opened(look);
    await page.goto(url);
    await signIn(page);
    await live(page);
    if (look.theme) {
      for (const tab of ['destinations', 'jobs', 'runs']) {
        await page.goto(`${url}/${tab}`);
        await live(page);
        await accessible(page, `${tab} on a phone in the dark`);
      }
      await page.goto(url);
      await at(page, 'configuration-save').waitFor();
      await accessible(page, 'the overview on a phone in the dark');
      await page.goto(`${url}/jobs`);
      await at(page, 'new-job').first().click();
      await page.getByRole('radio', { name: 'At set times' }).check();
      await at(page, 'next-times').locator('li').nth(4).waitFor();
      await accessible(page, 'the form of a job on a phone in the dark');
    } else {
      await platforms(page);
      await byItself(page);
      await whatWaits(page, url);
      await elsewhere(page, url);
    }
    faultless(page);
    await page.context().close();
  }
});
