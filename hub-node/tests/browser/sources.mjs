// Jobs whose sources are databases: each kind has its own fields, what is wrong is said beside them, what is stored comes
// back into the form, and passwords do not.

import { accessible, assert, at, call, faultless, given, live, play, setUp, signIn } from './console.mjs';

/** A retailer with a place for its items, whose agent was made and never came. */
async function furnish() {
  const { token, of } = await setUp();
  await call('POST', `${of}/agents`, { name: 'Back office' }, token);
  await call('POST', `${of}/destinations`, { name: 'Folder', config: { kind: 'local_file', path: '/out/items.csv' } }, token);
  return `${given('STORY_HUB')}${of}`;
}

const QUERY = 'select code as sku, price from articles';
const server = { 'db-host': 'pos-server', 'db-port': '4711', 'db-name': 'shop', 'db-user': 'reader' };

/** Of each kind its fields, a value that may not be, and what is said of it. */
const KINDS = [
  ['PostgreSQL server', server, 'db-port', '70000', /65535/],
  ['MySQL or MariaDB server', server, 'job-query', ' ', /not be empty/],
  ['Firebird server', { ...server, 'db-name': 'C:\\pos\\data.fdb' }, 'db-user', ' ', /not be empty/],
  ['SQL Server', { 'db-host': 'pos-server', 'db-instance': 'SQLEXPRESS', 'db-name': 'shop', 'db-user': 'reader' }, 'db-host',
    'pos;Trusted_Connection=yes', /host alone/],
  ['ODBC data source', { 'odbc-connection': 'DSN=pos', 'db-user': 'reader' }, 'odbc-connection', 'Driver=/tmp/lib.so', /installed/],
];

async function databases(page) {
  for (const [kind, fields, wrong, value, said] of KINDS) {
    await at(page, 'new-job').first().click();
    await at(page, 'job-name').fill(`From ${kind}`);
    await at(page, 'job-source-kind').selectOption({ label: kind });
    const filled = { ...fields, 'job-query': QUERY };
    for (const [field, text] of Object.entries({ ...filled, [wrong]: value })) await at(page, field).fill(text);
    await at(page, 'source_credentials.password').fill('a-secret-that-nobody-guesses');
    await at(page, 'form-submit').click();
    const dialog = at(page, 'form-dialog');
    const fault = dialog.locator('.fault').first();
    await fault.waitFor();
    const text = await fault.innerText();
    assert(said.test(text), `${kind}: ${text}`);
    await accessible(page, `the form of a job from ${kind}`);
    await at(page, wrong).fill(filled[wrong]);
    await at(page, 'form-submit').click();
    const row = at(page, 'job-row').filter({ hasText: `From ${kind}` });
    await row.waitFor();
    await dialog.waitFor({ state: 'detached' });
    await row.getByRole('button', { name: /edit/i }).click();
    for (const [field, text] of Object.entries(filled)) {
      assert((await at(page, field).inputValue()) === text, `${kind}: ${field} is stored`);
    }
    assert((await at(page, 'source_credentials.password').inputValue()) === '', `${kind}: but for the password`);
    await at(page, 'form-submit').click();
    await dialog.waitFor({ state: 'detached' });
    assert(true, `${kind}: it can be left out and stays`);
  }
}

await play(async ({ opened }) => {
  const url = await furnish();
  for (const look of [{}, { theme: 'dark', width: 390 }]) {
    const page = await opened(look);
    await page.goto(`${url}/jobs`);
    await signIn(page);
    await live(page);
    if (look.theme) {
      await at(page, 'new-job').first().click();
      for (const [kind] of KINDS) {
        await at(page, 'job-source-kind').selectOption({ label: kind });
        await accessible(page, `the form of a job from ${kind} on a phone in the dark`);
      }
    } else {
      await databases(page);
    }
    faultless(page);
    await page.context().close();
  }
});
