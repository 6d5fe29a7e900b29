'use strict';
// Apply the numbered SQL files of `migrations/`, each once and each whole, in the schema of POWERX_DB_DSN.

const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const { connect } = require('./database');

const FOLDER = path.join(__dirname, '..', 'migrations');
const APPLIED = `CREATE TABLE IF NOT EXISTS schema_migration (
    name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`;

const say = (fact, stream = process.stdout) => stream.write(`${JSON.stringify(fact)}\n`);

async function apply(client, files) {
  // Two at once: the second waits here and finds everything applied.
  await client.query("SELECT pg_advisory_xact_lock(hashtext(current_schema() || '.schema_migration'))");
  await client.query(APPLIED);
  const { rows } = await client.query('SELECT name, sha256 FROM schema_migration');
  const known = new Map(rows.map((row) => [row.name, row.sha256]));
  const changed = files.filter((file) => known.has(file.name) && known.get(file.name) !== file.mark);
  if (changed.length > 0) {
    say({ event: 'migration-changed', names: changed.map((file) => file.name) }, process.stderr);
    return 1;
  }
  for (const file of files.filter(({ name }) => !known.has(name))) {
    await client.query(file.text);
    await client.query('INSERT INTO schema_migration (name, sha256) VALUES ($1, $2)', [file.name, file.mark]);
    say({ event: 'migrated', name: file.name });
  }
  return 0;
}

/** Return 0 when the schema is up to date, 1 when an applied file has changed since. */
async function main() {
  const names = fs.readdirSync(FOLDER).filter((name) => /^[0-9].*\.sql$/.test(name)).sort();
  const files = names.map((name) => {
    const text = fs.readFileSync(path.join(FOLDER, name), 'utf8');
    return { name, text, mark: crypto.createHash('sha256').update(text).digest('hex') };
  });
  const client = await connect(process.env.POWERX_DB_DSN);
  try {
    await client.query('BEGIN');
    const code = await apply(client, files);
    await client.query('COMMIT');
    return code;
  } finally {
    await client.end(); // what was not committed is gone
  }
}

main().then(
  (code) => { process.exitCode = code; },
  (error) => { say({ event: 'migration-failed', reason: error.message }, process.stderr); process.exitCode = 1; },
);
