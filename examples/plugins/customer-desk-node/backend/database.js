'use strict';
// The database named by POWERX_DB_DSN, and a small pool of connections to it.

const { Client, Pool, types } = require('pg');

types.setTypeParser(20, Number); // bigint: the ids and sums here stay far below 2^53
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
// SQLSTATE classes of a server that cannot serve now; everything else it says is our mistake.
const AWAY = new Set(['08', '28', '53', '55', '57', '58']);

/** The database cannot be reached, or every connection stays busy. */
class Unavailable extends Error {}

/** The host's `search_path` parameter is none that the driver knows: it becomes an option. */
function settings(dsn) {
  const url = new URL(dsn);
  const schema = url.searchParams.get('search_path') || '';
  url.searchParams.delete('search_path');
  const options = '-c statement_timeout=5000' + (NAME.test(schema) ? ` -c search_path=${schema}` : '');
  return { connectionString: url.toString(), options, connectionTimeoutMillis: 5000 };
}

/** At most DB_POOL_SIZE connections; `rows(statement, ...values)` runs one statement. */
function fromEnvironment(environment) {
  const max = Math.min(Math.max(Number.parseInt(environment.DB_POOL_SIZE || '4', 10), 1), 16);
  const pool = new Pool({ ...settings(environment.POWERX_DB_DSN), max, idleTimeoutMillis: 0 });
  pool.on('error', () => {}); // an idle connection that breaks has left the pool already
  return {
    async rows(statement, ...values) {
      try {
        return (await pool.query(statement, values)).rows;
      } catch (error) {
        throw !error.severity || AWAY.has(String(error.code).slice(0, 2)) ? new Unavailable(error.code) : error;
      }
    },
  };
}

/** One connection of its own, for migrations. */
async function connect(dsn) {
  const client = new Client(settings(dsn));
  await client.connect();
  return client;
}

module.exports = { Unavailable, connect, fromEnvironment };
